"""Limits on what a caller may use: request sizes, rates, quotas, open connections."""
