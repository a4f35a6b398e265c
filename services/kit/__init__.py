"""What every process needs: errors, calls between services, lifecycle, telemetry, health."""
