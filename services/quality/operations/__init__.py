"""Measures a project: scans its directory, watches it for changes, and scores it."""
