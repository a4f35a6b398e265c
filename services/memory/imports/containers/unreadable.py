"""Why a file cannot be imported as a whole."""

from __future__ import annotations

from services.kit.errors import InvalidInput


class Unreadable(InvalidInput):
    """A path that cannot be imported: missing, no permission, damaged, over a limit."""


class UnknownFormat(Unreadable):
    """A file of no format that Segue imports."""
