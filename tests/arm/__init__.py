"""Segue on other processors than this machine's, emulated: `make test-arm`."""
