"""Calls a gateway's HTTP endpoints from the command line. Standard library only."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from http.client import HTTPException, HTTPResponse
from typing import Any
from urllib.error import HTTPError, URLError
from urllib.request import ProxyHandler, Request, build_opener
from uuid import uuid4

from services.cli import local_server
from services.cli.gateway.credentials import BadToken, credentials
from services.cli.gateway.failures import address_problem, refusal, shown_address, unreachable
from services.cli.gateway.mcp_call import CallFailed
from services.cli.transfer.import_ import gateway_address

start_timeout_s = 60.0
sendings_max = 3
"""How often a change is sent that is made once: until somebody says what came of it."""
UNANSWERED = frozenset({502, 504})
"""Answers of whoever waited for an answer in vain, so that what was asked may have been done."""
answer_max_bytes = 64 * 1024 * 1024


class Unanswered(CallFailed):
    """Nobody said what came of the call: it may have been carried out."""


class Endpoint:
    """The gateway in `SEGUE_URL`, or the local server, which is started if none runs; raises CallFailed."""

    def __init__(self) -> None:
        try:
            server = gateway_address() or local_server.ensure_server(
                local_server.default_data_dir(), start_timeout_s
            ).url.removesuffix("/mcp")
            self._headers = {"Content-Type": "application/json", **credentials()}
        except (local_server.NotStarted, BadToken) as problem:
            raise CallFailed(str(problem)) from problem
        if wrong := address_problem(server):
            raise CallFailed(wrong)
        self.address = server
        self._opener = build_opener(ProxyHandler({}))  # calls to the user's own gateway do not go through a proxy

    def call(self, path: str, body: bytes | None, timeout_s: float) -> tuple[bytes, Mapping[str, str]]:
        """The response's body and headers; a request with a body is a POST."""
        with self._open(Request(f"{self.address}{path}", body, self._headers), timeout_s) as response:  # noqa: S310  # checked
            headers: Any = response.headers  # finds names in any case
            return response.read(answer_max_bytes), headers

    def answer(self, path: str, timeout_s: float, body: Mapping[str, Any] | None = None) -> Any:
        """What the response says in JSON; a request with a body, which is sent as JSON, is a POST."""
        content, _ = self.call(path, None if body is None else json.dumps(body).encode(), timeout_s)
        return json.loads(content)

    def change(self, path: str, timeout_s: float, body: Mapping[str, Any]) -> Any:
        """The answer to a change that the gateway makes once, however often it is sent: it is sent again where nobody
        says what came of it. Raises Unanswered if nobody ever does, and CallFailed."""
        sent = {**body, "operation_id": str(uuid4())}
        for number in range(1, sendings_max):
            try:
                return (self if number == 1 else Endpoint()).answer(path, timeout_s, sent)
            except Unanswered:
                print("No answer yet; it is asked for again.", file=sys.stderr)
        return Endpoint().answer(path, timeout_s, sent)

    def stream(self, path: str, silence_max_s: float) -> AbstractContextManager[HTTPResponse]:
        """An answer that goes on; reading it raises OSError after such a silence."""
        return self._open(Request(f"{self.address}{path}", None, self._headers), silence_max_s)  # noqa: S310  # checked

    @contextmanager
    def _open(self, request: Request, timeout_s: float) -> Iterator[HTTPResponse]:
        try:
            with self._opener.open(request, timeout=timeout_s) as response:
                yield response
        except HTTPError as error:
            failure = Unanswered if error.code in UNANSWERED else CallFailed
            raise failure(refusal(self.address, error)) from error
        except URLError as error:
            if isinstance(error.reason, TimeoutError | ConnectionResetError | BrokenPipeError):
                raise self._silence(request, timeout_s) from error
            raise CallFailed(unreachable(self.address, error)) from error
        except (OSError, HTTPException) as error:  # once the request was sent
            raise self._silence(request, timeout_s) from error

    def _silence(self, request: Request, timeout_s: float) -> Unanswered:
        unknown = "" if request.data is None else "; what was asked for may have been carried out"
        address = shown_address(self.address)
        return Unanswered(f"{address} did not answer, or not within {timeout_s:.0f} seconds{unknown}.")
