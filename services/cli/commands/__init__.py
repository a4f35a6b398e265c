"""The commands of `segue`, one module each."""
