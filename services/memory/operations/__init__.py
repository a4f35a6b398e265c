"""The use cases of the memory service: storing, exporting, backups, and background jobs."""
