"""What rules on files cover: paths, and commands that read or write them. Standard library alone."""
