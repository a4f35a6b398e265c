"""A git repository: what is in it, and committing a checkpoint without harm."""
