"""Predictions as CSV, JSON lines, label tracks and embeddings."""
