"""Sounds of the synthetic dataset `toy`."""
