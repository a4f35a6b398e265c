"""Shortening texts: secrets and private parts are removed first, for half a secret is not recognised as one."""

from __future__ import annotations

from typing import NamedTuple

from services.kit.redaction import redact, without_private

ELLIPSIS = "…"


class Clipped(NamedTuple):
    """A text, and the number of characters left out of it."""

    text: str
    left_out: int = 0


def public_text(text: str) -> str:
    """The text without secrets and private parts."""
    return redact(without_private(text)[0]).text


def clip_line(text: str, max_chars: int) -> str:
    """The public text on one line, at most `max_chars` long."""
    line = " ".join(public_text(text).split())
    return line if len(line) <= max_chars else f"{line[: max_chars - 1]}{ELLIPSIS}"


def clip_middle(text: str, most_bytes: int, end_bytes: int) -> Clipped:
    """The text as it is, or, if it has more than `most_bytes`, the beginning and the end of the public text.

    Each of them has at most `end_bytes` and is whole lines where possible; what stands between them says how much is
    missing. What redaction would make too long counts as too long.
    """
    if len(text.encode("utf-8", "replace")) <= most_bytes * 3 // 4:
        return Clipped(text)
    public = public_text(text)
    if len(public.encode("utf-8", "replace")) <= most_bytes:
        return Clipped(public)
    head, tail = _head(public, end_bytes), _tail(public, end_bytes)
    left_out = len(public) - len(head) - len(tail)
    return Clipped(f"{head.rstrip()}\n\n[… {left_out:,} characters left out …]\n\n{tail.lstrip()}", left_out)


def _head(text: str, most_bytes: int) -> str:
    head = text[:most_bytes].encode()[:most_bytes].decode("utf-8", "ignore")
    line = head.rfind("\n") + 1
    return head[:line] if line > len(head) // 2 else head


def _tail(text: str, most_bytes: int) -> str:
    tail = text[-most_bytes:].encode()[-most_bytes:].decode("utf-8", "ignore")
    line = tail.find("\n") + 1
    return tail[line:] if 0 < line < len(tail) // 2 else tail
