"""What is common to the files of reports: their paths, and reading XML."""
