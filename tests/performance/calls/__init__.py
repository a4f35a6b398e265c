"""What a call costs, by its parts."""
