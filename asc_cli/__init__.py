"""Acoustic scene classification: recordings in, scene labels out."""

__version__ = "0.1.0"
