"""The errors a service raises for its caller to act on.

Each class has one gRPC status (`kit/rpc.py` translates) and one code of the MCP contract
(`gateway/errors.py` translates). Anything else that is raised is a bug.
"""

from __future__ import annotations


class ServiceError(Exception):
    """Something the caller can act on: what happened, and what to try."""

    def __init__(self, message: str, *suggestions: str) -> None:
        super().__init__(message)
        self.message = message
        self.suggestions = suggestions
        self.service = ""
        """Which service raised it, where another one called it."""


class InvalidInput(ServiceError):
    """The arguments are wrong; the caller fixes them."""


class NotFound(ServiceError):
    """There is nothing under that name."""


class ProjectNotFound(NotFound):
    """There is no project of that name."""


class AlreadyExists(ServiceError):
    """The name is taken."""


class Conflict(ServiceError):
    """Somebody else changed it; the caller reads again and repeats the whole change."""


class NotReady(ServiceError):
    """Not possible in this state; the caller waits for a change of state."""


class LimitExceeded(ServiceError):
    """Too much; the caller sends less, or later: after `retry_after_s`, where that is known."""

    retry_after_s: float = 0.0


class Unauthenticated(ServiceError):
    """No credentials, or wrong ones."""


class Denied(ServiceError):
    """The caller is known and may not."""


class Unavailable(ServiceError):
    """A dependency does not answer; a read may be repeated."""


class DeadlineExceeded(ServiceError):
    """It took longer than the caller allowed; a read may be repeated."""
