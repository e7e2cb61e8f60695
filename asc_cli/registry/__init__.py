"""Stored runs and registered models: cards, weights, import and export."""
