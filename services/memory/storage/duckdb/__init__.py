"""The store of memories in DuckDB: its statements, its writer and its connections."""
