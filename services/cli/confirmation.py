"""Asking whoever sits at the terminal."""

from __future__ import annotations


def confirm(question: str) -> bool:
    """Whether they say yes; anything else is a no."""
    return input(f"{question} [y/N] ").strip().lower() in {"y", "yes"}
