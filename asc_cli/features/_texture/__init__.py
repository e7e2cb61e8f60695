"""The groups of statistics of `texture`, and the sums that they are computed from."""
