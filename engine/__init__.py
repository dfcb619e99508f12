"""SQL in, Arrow or bytes out. The files in the order in which a query meets them:
query, parse, resolve, planner, rules, plan, pool | worker, executor, duckdb_session, encoders."""
