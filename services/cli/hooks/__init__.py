"""What Claude Code's hooks call, and what they leave for later: light modules of the standard library alone."""
