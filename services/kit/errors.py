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
    """Too much. Raised as one of its kinds below, each of which has another way out; `reason` names it."""

    reason = ""


class RateLimited(LimitExceeded):
    """Too much at a time; the caller repeats the same later, after `retry_after_s`."""

    reason = "later"
    retry_after_s: float = 1.0


class TooLarge(LimitExceeded):
    """One thing is larger than is taken; it never will be, the caller sends less."""

    reason = "too_large"


class OverQuota(LimitExceeded):
    """As much is kept as may be; the caller removes some of that, or asks for more."""

    reason = "over_quota"


class Unauthenticated(ServiceError):
    """No credentials, or wrong ones."""


class Denied(ServiceError):
    """The caller is known and may not."""


class Unavailable(ServiceError):
    """A dependency does not answer; a read may be repeated."""


class DeadlineExceeded(ServiceError):
    """It took longer than the caller allowed; a read may be repeated."""
