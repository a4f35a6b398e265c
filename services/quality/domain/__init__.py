"""Evidence, the score computed from it, and the trend of scores. Pure."""
