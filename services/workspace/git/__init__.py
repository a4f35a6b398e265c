"""Git repositories: reading their state, and committing checkpoints safely."""
