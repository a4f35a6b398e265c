"""Rewrites the memory databases with another key, or none."""
