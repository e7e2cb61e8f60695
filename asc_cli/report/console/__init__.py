"""Results as tables and lines in a terminal."""
