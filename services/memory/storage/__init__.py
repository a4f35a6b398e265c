"""Storage of memories: DuckDB, several of its databases as one store, and the cache in Redis."""
