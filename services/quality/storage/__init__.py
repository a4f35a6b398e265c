"""The history of scores: its DuckDB file, or the service that keeps it."""
