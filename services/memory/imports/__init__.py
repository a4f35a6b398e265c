"""File import: finding files, recognising their formats, and parsing their lines. Standard library only."""
