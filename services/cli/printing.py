"""What a command prints, without what a terminal would obey: names of files, commits, projects are of other origin."""

from __future__ import annotations

import os
import re
import sys
from typing import Any, TextIO, cast

_obeyed = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]")
_unread_status = 128 + 13  # as a shell says of what SIGPIPE ended
_clear_line = "\033[K"
_progress = re.compile(rf"\r(?:{re.escape(_clear_line)})?")
"""How a line of progress begins, which the next one replaces."""


def without_control(text: str) -> str:
    """The text with a `?` for each control character and each mark that turns the direction of writing; lines and tabs
    stay, and so does what replaces a line of progress."""
    begun = _progress.match(text)
    head = begun.group() if begun else ""
    tail = _clear_line if begun and text.endswith(_clear_line) and len(text) > len(head) else ""
    return f"{head}{_obeyed.sub('?', text[len(head) : len(text) - len(tail)])}{tail}"


class Unread(BrokenPipeError):
    """Nobody reads what is printed any more, as in `segue doctor | head`."""


class PlainStream:
    """A text stream whose text has nothing that a terminal would obey; else it is the stream that it writes to."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        """Writes it; the length of what was given. Raises Unread."""
        try:
            self._stream.write(without_control(text))
        except BrokenPipeError as problem:
            raise Unread(*problem.args) from problem
        return len(text)

    def flush(self) -> None:
        """Prints what waits to be. Raises Unread."""
        try:
            self._stream.flush()
        except BrokenPipeError as problem:
            raise Unread(*problem.args) from problem

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


def plain_stream(stream: TextIO) -> TextIO:
    """The stream for text that has nothing that a terminal would obey."""
    return cast("TextIO", PlainStream(stream))


def end_unread() -> int:
    """The status of a command whose output nobody reads to its end; not even the interpreter speaks of it then."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return _unread_status
