"""What the gateway shows of itself: traces, metrics, readiness."""
