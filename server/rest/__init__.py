"""REST over publications: PostgREST's horizontal filters in, JSON, NDJSON, CSV, Arrow or Parquet out."""
