"""Getting a dataset and checking it against its protocol: download, audit, duplicates, hold-out."""
