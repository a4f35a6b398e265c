"""A month of a team in minutes, and whether anything grew that should not."""
