/* Part of ruvector.h: parquet files. */
