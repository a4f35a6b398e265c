"""What a text comes to: terms, word forms, files it mentions, its wording as a number."""
