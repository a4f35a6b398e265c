"""The texts on which search is measured."""
