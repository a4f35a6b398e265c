"""Shows the progress of an import: a bar on a terminal, otherwise a line every few seconds. On stderr."""

from __future__ import annotations

import sys
import time
from dataclasses import dataclass
from typing import TextIO

bar_interval_s = 0.1
line_interval_s = 5.0
bar_width = 24


@dataclass(slots=True)
class Done:
    """The total work and the part done. Bytes are those of the files read in this run."""

    files_total: int = 0
    bytes_total: int = 0
    files: int = 0
    bytes_before: int = 0
    bytes_of_file: int = 0
    memories: int = 0

    @property
    def share(self) -> float:
        """The share that was read, 0-1."""
        return min(1.0, (self.bytes_before + self.bytes_of_file) / self.bytes_total) if self.bytes_total else 1.0


class ImportProgress:
    """Shows `Done`, at a readable rate."""

    def __init__(self, done: Done, stream: TextIO | None = None) -> None:
        self._stream = stream or sys.stderr
        self._bar = self._stream.isatty()
        self._done = done
        self._began = time.monotonic()
        self._next = self._began + (bar_interval_s if self._bar else line_interval_s)

    def show(self) -> None:
        """Shows the progress, if it is time to."""
        now = time.monotonic()
        if now < self._next:
            return
        self._next = now + (bar_interval_s if self._bar else line_interval_s)
        text = self._text(now - self._began)
        self._stream.write(f"\r{self._drawing()} {text}\033[K" if self._bar else f"{text}\n")
        self._stream.flush()

    def clear(self) -> None:
        """Clears the line."""
        if self._bar:
            self._stream.write("\r\033[K")
            self._stream.flush()

    def _drawing(self) -> str:
        full = round(self._done.share * bar_width)
        return f"[{'#' * full}{'.' * (bar_width - full)}]"

    def _text(self, elapsed_s: float) -> str:
        done = self._done
        rate = done.memories / elapsed_s if elapsed_s else 0.0
        left = elapsed_s * (1 - done.share) / done.share if done.share else None
        return (
            f"{done.share:4.0%}  {done.files}/{done.files_total} files  {done.memories:,} memories  {rate:,.0f}/s"
            f"  {'' if left is None else f'{clock(left)} left'}"
        ).rstrip()


def clock(seconds: float) -> str:
    """A duration as h:mm:ss, or m:ss."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
