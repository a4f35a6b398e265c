"""What the memory service does: storing, exporting, backing up, and its background jobs."""
