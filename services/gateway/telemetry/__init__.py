"""The gateway's own observability: traces, metrics, readiness."""
