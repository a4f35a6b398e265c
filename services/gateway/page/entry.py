"""What stands before the page: who gets in, and how a page is made; needed also where a request gets no further."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self
from zoneinfo import ZoneInfo

from services.gateway.access.authentication import Verifier
from services.gateway.access.browser_sessions import BrowserSessions
from services.gateway.arguments.time_expressions import local_zone
from services.gateway.backends import AccessBackend
from services.gateway.config import GatewaySettings
from services.gateway.page.assets import Assets
from services.gateway.page.rendering import Renderer
from services.gateway.page.sign_in import SignIn


@dataclass(frozen=True, slots=True)
class Entry:
    """Of one gateway."""

    browsers: BrowserSessions
    assets: Assets
    renderer: Renderer
    sign_in: SignIn
    public_url: str

    @classmethod
    def of(cls, settings: GatewaySettings, verifier: Verifier | None, access: AccessBackend) -> Self:
        """By these settings; without a verifier, for the machine's own user alone."""
        is_secure = settings.public_url.startswith("https://")
        zone = ZoneInfo(settings.time_zone) if settings.time_zone else local_zone()
        browsers, assets = BrowserSessions(verifier, access, is_secure=is_secure), Assets()
        renderer = Renderer(browsers, assets, zone, is_secure=is_secure)
        sign_in = SignIn(browsers, renderer, settings.public_url)
        return cls(browsers, assets, renderer, sign_in, settings.public_url)
