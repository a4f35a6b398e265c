"""Segue killed again and again under load: what was acknowledged is there, once; what was deleted stays away."""
