"""How much a caller may use: request sizes, rates, quotas, open connections."""
