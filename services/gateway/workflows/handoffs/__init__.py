"""What goes into a handoff, and what goes with what it was made of."""
