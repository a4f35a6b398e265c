"""A DuckDB file: opening it, its schema and migrations, its log, and compaction."""
