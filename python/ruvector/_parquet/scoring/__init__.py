"""`rv.score_parquet`: the rows of parquet files and what an index finds for them."""
