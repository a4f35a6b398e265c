"""What can be imported: files, their formats, and what their lines hold. Standard library only."""
