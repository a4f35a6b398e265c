"""The bridge behind `segue connect`. Standard library only: an agent waits for it before it can start."""
