"""What search reads: derived from the store, rebuilt from it, never the other way round."""
