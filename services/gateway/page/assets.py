"""The page's own style sheet, script and icon: read once, served with a name that changes with their content."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from starlette.requests import Request
from starlette.responses import Response

from services.gateway.page.policy import HEADERS

FOLDER = Path(__file__).parent / "static"
_types: Mapping[str, str] = {".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}
_kept = "public, max-age=31536000, immutable"


@dataclass(frozen=True, slots=True)
class Asset:
    """One file."""

    name: str
    body: bytes

    @property
    def address(self) -> str:
        """Where it is: another content is elsewhere, so browsers may keep it."""
        return f"/page/assets/{self.name}?v={hashlib.sha256(self.body).hexdigest()[:12]}"


class Assets:
    """All of them."""

    def __init__(self) -> None:
        files = sorted(path for path in FOLDER.iterdir() if path.suffix in _types)
        self._files = {path.name: Asset(path.name, path.read_bytes()) for path in files}

    def address(self, name: str) -> str:
        """Where the file of that name is."""
        return self._files[name].address

    async def __call__(self, request: Request) -> Response:
        """The file that the address names."""
        asset = self._files.get(request.path_params["name"])
        if asset is None:
            return Response(status_code=404)
        headers = {**HEADERS, "cache-control": _kept}
        return Response(asset.body, headers=headers, media_type=_types[Path(asset.name).suffix])
