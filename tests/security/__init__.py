"""What must not be possible."""
