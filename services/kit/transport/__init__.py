"""Calls between Segue's processes: gRPC with typed errors, channels that recover, proof of who calls."""
