"""Servers that tests start for themselves, without Docker."""
