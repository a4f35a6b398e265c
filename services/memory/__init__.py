"""Conversations and reflections: stored durably, found by meaning and by words."""
