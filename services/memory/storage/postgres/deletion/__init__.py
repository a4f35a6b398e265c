"""Deleting in PostgreSQL: the log, what is kept out, what is brought back, retention and erasure."""
