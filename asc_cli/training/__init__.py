"""Fit one model on one fold."""
