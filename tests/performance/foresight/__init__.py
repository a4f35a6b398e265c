"""Whether what is foreseen comes, by replay."""
