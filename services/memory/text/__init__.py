"""What a text comes to: terms, word forms, files it mentions, a fingerprint of its likeness."""
