"""Files of strangers, opened with limits: SQLite databases, large JSON documents, zip archives, front matter."""
