"""The checks of `segue doctor`. Standard library only."""
