"""YouTube-8M: TFRecord files → videos, streamed in a reproducible order."""
