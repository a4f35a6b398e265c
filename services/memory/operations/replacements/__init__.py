"""Decisions that newer ones may replace: named when one is stored, listed, and settled by the user."""
