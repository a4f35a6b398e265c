"""Describes tools and prompts by their docstrings as they are."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

from fastmcp import FastMCP


class WithDocstrings(FastMCP):
    """FastMCP that takes a docstring as the description. By itself it looks for descriptions of parameters in three
    styles, by a package that takes longer to import than all the tools to register; ours are in annotations."""

    def tool(self, *functions: Callable[..., Any], **named: Any) -> Any:  # type: ignore[override]  # used as FastMCP's
        """See FastMCP."""
        return self._register(super().tool, functions, named)

    def prompt(self, *functions: Callable[..., Any], **named: Any) -> Any:  # type: ignore[override]  # as above
        """See FastMCP."""
        return self._register(super().prompt, functions, named)

    def _register(
        self, register: Callable[..., Any], functions: tuple[Callable[..., Any], ...], named: dict[str, Any]
    ) -> Any:
        def add(function: Callable[..., Any]) -> Any:
            description, function.__doc__ = inspect.getdoc(function), None
            return register(function, **{"description": description, **named})

        return add(*functions) if functions else add
