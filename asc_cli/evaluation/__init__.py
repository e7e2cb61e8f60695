"""Metrics of predictions with intervals, calibration and paired tests."""
