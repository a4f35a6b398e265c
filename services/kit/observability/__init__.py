"""Traces, metrics and logs of this process."""
