"""The attention recurrence as compiled kernels; `reference` is the same in plain torch."""
