"""FastMCP without what no tool of ours uses, and what takes long to import."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

from fastmcp import FastMCP


class LeanServer(FastMCP):
    """FastMCP that takes a docstring as the description as it is, and keeps no state for a session.

    By itself it looks for descriptions of parameters in three styles of docstrings, by a package that takes longer to
    import than all tools to register; ours are in annotations. And it asks at each call which tools the session has
    hidden, of a store whose packages would make the first call of a server ten times as long.
    """

    def tool(self, *functions: Callable[..., Any], **named: Any) -> Any:  # type: ignore[override]  # used as FastMCP's
        """See FastMCP."""
        return self._register(super().tool, functions, named)

    def prompt(self, *functions: Callable[..., Any], **named: Any) -> Any:  # type: ignore[override]  # as above
        """See FastMCP."""
        return self._register(super().prompt, functions, named)

    @property
    def _state_store(self) -> Any:
        return _NoState

    def _register(
        self, register: Callable[..., Any], functions: tuple[Callable[..., Any], ...], named: dict[str, Any]
    ) -> Any:
        def add(function: Callable[..., Any]) -> Any:
            description, function.__doc__ = inspect.getdoc(function), None
            return register(function, **{"description": description, **named})

        return add(*functions) if functions else add


class _NoState:
    """No tool keeps or hides anything for a session; one that wants to needs FastMCP's own store."""

    @staticmethod
    async def get(key: str) -> None:
        """Nothing is known."""
