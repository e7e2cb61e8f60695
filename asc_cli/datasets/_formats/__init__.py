"""Parsers that several datasets share: published lists, fold columns, Zenodo archives."""
