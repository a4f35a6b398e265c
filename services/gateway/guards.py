"""What every request passes before it is served: its size, whose it is, and how much they may."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

from starlette.types import ASGIApp

from services.gateway.allowances import Allowances, RouteAllowing
from services.gateway.backends import Backends
from services.gateway.config import GatewaySettings
from services.gateway.door import Door
from services.gateway.limits import BodyLimit, HeadLimit
from services.gateway.verifying import TokenVerifier

Guards: TypeAlias = Callable[[ASGIApp], ASGIApp]


def guards(settings: GatewaySettings, backends: Backends, allowances: Allowances) -> Guards:
    """Puts them before an application."""
    verifier = TokenVerifier(backends.access) if settings.auth == "tokens" else None

    def guarded(app: ASGIApp) -> ASGIApp:
        app = RouteAllowing(BodyLimit(app, settings.body_max_bytes), allowances)
        return HeadLimit(Door(app, verifier), settings.head_max_bytes)

    return guarded
