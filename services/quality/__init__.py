"""The quality service: evidence from a working directory, the score computed from it, and its history."""
