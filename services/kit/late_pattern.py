"""Regular expressions that are compiled when they are first used: a server has many that a start does not need."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import partial
from typing import Any, AnyStr, cast


def late_pattern(text: AnyStr, flags: int = 0) -> re.Pattern[AnyStr]:
    """What `re.compile` returns, but compiled at its first use; a mistake in it shows then."""
    return cast("re.Pattern[AnyStr]", _Late(partial(re.compile, text, flags)))


class _Late:
    def __init__(self, compiled: Callable[[], object]) -> None:
        self._compiled = compiled

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._compiled(), name)
        setattr(self, name, found)  # from now on it costs what that of a compiled one does
        return found
