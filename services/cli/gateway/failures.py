"""Why a gateway gave no answer, in a line for a person: what it said itself, and the way out. Standard library only."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

if TYPE_CHECKING:  # what `segue connect` imports too, and it is not light
    from urllib.error import HTTPError

NOT_FOUND = 404
ADVICE = {
    401: "set SEGUE_TOKEN or SEGUE_TOKEN_FILE",
    NOT_FOUND: "is SEGUE_URL the address of a Segue gateway?",
    421: "its SEGUE_GATEWAY_ALLOWED_HOSTS does not have the name by which you call it",
}
"""The way out of a status, where the gateway names none of its own."""
refusal_max_bytes = 1 << 20
message_max_chars = 300
_schemes = ("http", "https")
_of_a_terminal = re.compile(r"segue [a-z]|SEGUE_[A-Z]")
"""A command or a setting; the rest is for a model, and names tools."""


def plain(text: object) -> str:
    """Text of other origin made safe for a terminal: short, one line, without control characters or lone surrogates."""
    printable = "".join(character if character.isprintable() else "?" for character in str(text))
    return printable[:message_max_chars]


def shown_address(url: str) -> str:
    """The address as it is told: without the user and password in it."""
    scheme, mark, rest = url.partition("://")
    authority, slash, path = rest.partition("/")
    return plain(f"{scheme}{mark}{authority.rpartition('@')[2]}{slash}{path}")


def address_problem(url: str) -> str:
    """Why this cannot be the address of a gateway; empty if it can. Does not quote it."""
    if not url.isprintable() or not url.isascii() or " " in url:
        return "the address of a gateway is one word of ASCII"
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        return "the port in the address of a gateway is a number from 1 to 65535"
    if parts.scheme not in _schemes or not parts.hostname:
        return "the address of a gateway begins with http:// or https:// and a host"
    if port == 0:
        return "the port in the address of a gateway is a number from 1 to 65535"
    if "@" in parts.netloc:
        return "the address of a gateway has no user or password: set SEGUE_TOKEN or SEGUE_TOKEN_FILE"
    return ""


def refusal(address: str, error: HTTPError) -> str:
    """What the gateway says against a request, with the ways out that a person at a terminal has; else its status."""
    try:
        said = json.loads(error.read(refusal_max_bytes))
        message, *ways = (plain(each) for each in (said["error"], *said.get("suggestions", ())))
    except (ValueError, KeyError, TypeError, AttributeError, OSError):
        advice = f"; {ADVICE[error.code]}" if error.code in ADVICE else ""
        return f"{shown_address(address)} answers {error.code} {plain(error.reason)}{advice}"
    if error.code in ADVICE and error.code != NOT_FOUND:  # what it does not find, it says itself
        return f"{message.rstrip('.')}; {ADVICE[error.code]}"
    return " ".join((message, *(each for each in ways if _of_a_terminal.search(each))))


def unreachable(address: str, error: OSError) -> str:
    """That nobody answers there, why, and the way out."""
    cause = getattr(error, "reason", error)
    reason = plain(getattr(cause, "strerror", None) or cause or type(cause).__name__)
    return f"{shown_address(address)} cannot be reached: {reason}. `segue doctor` says more"
