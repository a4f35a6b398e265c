"""A DuckDB file: opening it, its schema and migrations, its log, and writing it anew without what was deleted."""
