"""Text analysis: terms, word forms, mentioned files, and SimHash."""
