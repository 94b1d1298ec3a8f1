"""What Ray and Spark have in common: plans, schemas, the work of one worker, on pyarrow tables."""
