"""Memories in PostgreSQL: any number of users, in tables that are divided by user."""
