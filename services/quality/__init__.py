"""The quality service: evidence of a working directory, the score it adds up to, and its history."""
