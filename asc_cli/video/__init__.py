"""Streamed training, prediction and metrics for YouTube-8M videos."""
