"""Who calls. Identity comes from credentials, never from a parameter."""

from __future__ import annotations

LOCAL_USER = "local"
"""Everybody who reaches a gateway that listens on loopback alone: the machine's own user."""


def current_user() -> str:
    """The user of the current request."""
    return LOCAL_USER
