"""Text analysis: terms, word forms, mentioned files, and wording as a number."""
