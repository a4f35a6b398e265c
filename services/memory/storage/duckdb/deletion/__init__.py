"""Deletions and retention in DuckDB: statements, the deletion log, and digests that keep out what was deleted."""
