"""Shared by all processes: errors, calls between services, lifecycle, telemetry, health."""
