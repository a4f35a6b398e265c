"""How things are shown: stored text, times, memories, charts."""
