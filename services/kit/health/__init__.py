"""Whether this process and its parts work: polling, `grpc.health.v1`, the probe of a container."""
