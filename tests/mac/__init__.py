"""Segue on Linux under what macOS does differently: `make test-mac`."""
