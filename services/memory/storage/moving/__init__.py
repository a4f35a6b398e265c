"""Moving all memories between DuckDB and PostgreSQL, row by row as they are, sealed or not."""
