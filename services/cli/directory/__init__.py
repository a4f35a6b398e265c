"""Work in a directory that the gateway does not see. Standard library only."""
