"""Runs the project's own tools, on request only: code from the repository, confined as far as possible."""
