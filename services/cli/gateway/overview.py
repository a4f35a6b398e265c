"""A gateway's overview, fetched in one request within a time limit. Standard library only, and light."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime
from email.utils import parsedate_to_datetime
from http.client import HTTPResponse
from typing import Any, NamedTuple
from urllib.parse import urlencode

from services.cli.bridge.exchange import TRANSPORT_ERRORS, Exchange
from services.cli.bridge.messages import Failure
from services.cli.gateway.credentials import BadToken, credentials
from services.cli.gateway.failures import shown_address

ANSWER_MAX_BYTES = 1 << 20


class NoOverview(Exception):
    """The gateway does not answer, or not with this; `status` is the HTTP status, 0 without an answer."""

    def __init__(self, message: str, status: int = 0) -> None:
        super().__init__(message)
        self.status = status


class Overview(NamedTuple):
    """The gateway's overview, and its clock at that time."""

    fields: Mapping[str, Any]
    clock: datetime | None


def overview(url: str, timeout_s: float, **query: str) -> Overview:
    """Fetches `/v1/overview` of the gateway at `url`. Raises NoOverview."""
    base = url.removesuffix("/").removesuffix("/mcp")
    try:
        exchange = Exchange(f"{base}/v1/overview?{urlencode(query)}", timeout_s)
        with exchange.send("GET", credentials()) as response:
            return _parse_overview(response, base)
    except BadToken as problem:
        raise NoOverview(str(problem), 401) from problem
    except (Failure, *TRANSPORT_ERRORS) as problem:
        reason = getattr(problem.__cause__, "strerror", None) or problem.__cause__ or problem
        shown = shown_address(base).rpartition("://")[2]
        raise NoOverview(f"{shown} does not answer: {reason}") from problem


def _parse_overview(response: HTTPResponse, base: str) -> Overview:
    body = response.read(ANSWER_MAX_BYTES)
    if response.status != 200:
        raise NoOverview(_words(body) or f"{base} answers {response.status} {response.reason}", response.status)
    fields = json.loads(body)
    if not isinstance(fields, dict):
        raise NoOverview(f"{base} answers something else: is it Segue?", response.status)
    date = response.headers.get("Date")
    return Overview(fields, parsedate_to_datetime(date) if date else None)


def _words(body: bytes) -> str:
    """The gateway's message for a refusal, if it sent one."""
    try:
        said = json.loads(body)
    except ValueError:
        return ""
    return str(said.get("error", "")) if isinstance(said, dict) else ""
