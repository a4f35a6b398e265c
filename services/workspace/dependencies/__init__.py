"""Whether a project's lock files agree with its manifests. Standard library only."""
