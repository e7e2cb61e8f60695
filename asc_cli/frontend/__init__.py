"""Recordings → feature frames in the store → standardised clips."""
