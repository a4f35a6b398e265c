"""The errors that a service raises for its caller to handle.

Each class has one gRPC status (`kit/transport/rpc.py` translates) and one code of the MCP contract
(`gateway/errors.py` translates). Any other exception is a bug.
"""

from __future__ import annotations


class ServiceError(Exception):
    """An error that the caller can handle: what happened, and suggestions."""

    def __init__(self, message: str, *suggestions: str) -> None:
        super().__init__(message)
        self.message = message
        self.suggestions = suggestions
        self.service = ""
        """The service that raised it, if it came from another process."""


class InvalidInput(ServiceError):
    """The arguments are wrong; the caller fixes them."""


class NotFound(ServiceError):
    """Nothing exists under that name."""


class ProjectNotFound(NotFound):
    """No project has that name."""


class AlreadyExists(ServiceError):
    """The name is already in use."""


class Conflict(ServiceError):
    """A concurrent change; the caller reads again and repeats the whole change."""


class NotReady(ServiceError):
    """Not possible in the current state; the caller waits until it changes."""


class LimitExceeded(ServiceError):
    """A limit was exceeded. Raised as one of the subclasses below; `reason` names the kind."""

    reason = ""


class RateLimited(LimitExceeded):
    """Too much at once; the caller repeats the call after `retry_after_s`."""

    reason = "later"
    retry_after_s: float = 1.0


class TooLarge(LimitExceeded):
    """A single item is too large, permanently; the caller sends less."""

    reason = "too_large"


class OverQuota(LimitExceeded):
    """The quota is used up; the caller deletes something, or asks for a higher quota."""

    reason = "over_quota"


class Unauthenticated(ServiceError):
    """Missing or wrong credentials."""


class Denied(ServiceError):
    """The caller is authenticated but not allowed to do this."""


class Unavailable(ServiceError):
    """A dependency does not answer; a read may be repeated."""


class DeadlineExceeded(ServiceError):
    """It took longer than the caller allowed; a read may be repeated."""
