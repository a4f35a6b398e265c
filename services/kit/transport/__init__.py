"""Calls between Segue's processes: gRPC with typed errors, reconnecting channels, authentication of services."""
