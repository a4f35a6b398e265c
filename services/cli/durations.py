"""Durations in words."""

from __future__ import annotations

_units = ((86_400, "day"), (3_600, "hour"), (60, "minute"))


def ago(seconds: float) -> str:
    """`5 minutes ago`, `3 days ago`, `just now`; times in the future count as now."""
    for length, name in _units:
        if (count := int(seconds // length)) >= 1:
            return f"{count} {name}{'s' if count > 1 else ''} ago"
    return "just now"
