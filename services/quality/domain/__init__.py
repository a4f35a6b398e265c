"""Evidence, the score it adds up to, and the trend of scores. Pure."""
