"""Frames of libraries that are not pandas, polars or pyarrow tables."""
