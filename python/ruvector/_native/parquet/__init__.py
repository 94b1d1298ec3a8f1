"""The doors to parquet files, a file for each thing that is done with them."""
