"""The bearer token of a shared gateway, from the environment. Standard library only."""

from __future__ import annotations

import os
import re
from pathlib import Path


class BadToken(Exception):
    """The token cannot be read, or is invalid; the message says so without quoting it."""


def credentials() -> dict[str, str]:
    """The authorization header, from `SEGUE_TOKEN_FILE` or `SEGUE_TOKEN`; empty without either.

    Read for every call, so that a token file may be replaced. Raises BadToken.
    """
    token = os.environ.get("SEGUE_TOKEN", "").strip()
    if path := os.environ.get("SEGUE_TOKEN_FILE"):
        try:
            token = Path(path).expanduser().read_text(encoding="ascii").strip()
        except (OSError, ValueError) as problem:
            reason = getattr(problem, "strerror", None) or "it holds no token"
            raise BadToken(f"SEGUE_TOKEN_FILE cannot be read: {reason}") from None
    if not re.fullmatch(r"[\x21-\x7E]*", token):  # an error of http.client would quote it
        raise BadToken("the token must be one word of ASCII")
    return {"Authorization": f"Bearer {token}"} if token else {}
