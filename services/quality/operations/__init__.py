"""Measuring a project: scan its directory, watch it for changes, check it."""
