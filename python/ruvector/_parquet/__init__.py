"""Parquet files: vectors read, indexes built, rows scored."""
