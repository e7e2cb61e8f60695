"""YAML settings → a validated `Recipe` and its signature."""
