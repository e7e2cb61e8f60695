"""A registered model applied to recordings, datasets and live sound."""
