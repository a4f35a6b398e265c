"""The store of memories in DuckDB: statements, writer and connections."""
