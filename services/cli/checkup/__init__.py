"""What `segue doctor` looks at. Standard library only."""
