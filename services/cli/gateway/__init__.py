"""Calls to a gateway from the command line. Standard library only."""
