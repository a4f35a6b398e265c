"""The health of this process and its parts: polling, `grpc.health.v1`, the container probe."""
