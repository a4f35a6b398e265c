"""The search index: derived from the store and rebuilt from it, never the other way round."""
