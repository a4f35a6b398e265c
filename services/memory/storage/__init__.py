"""Where memories are kept: DuckDB, several of its databases as one, and rankings in Redis."""
