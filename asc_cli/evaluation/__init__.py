"""Predictions in, metrics with intervals, calibration and paired tests out."""
