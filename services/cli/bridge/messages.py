"""JSON-RPC as it passes: what a message says of itself, where it belongs, and why a request gets no answer."""

from __future__ import annotations

import base64
import json
import re
from typing import Any, NamedTuple

Message = dict[str, Any]

PARSE_ERROR, INVALID_REQUEST, FAILED = -32700, -32600, -32000
VERSION_META = "io.modelcontextprotocol/protocolVersion"
ADDRESS_ADVICE = "check that it runs, and the address: http:// or https:// to /mcp"
CERTIFICATE_ADVICE = "name the certificate authority that you trust in SSL_CERT_FILE"
NAMED_BY = {"tools/call": "name", "prompts/get": "name", "resources/read": "uri"}  # what Mcp-Name repeats


class Failure(Exception):
    """Why a request gets no answer from the gateway, in words for whoever reads the client's error."""


class Undelivered(Failure):
    """The gateway cannot have seen the message whole: it may be sent again."""

    def __init__(self, url: str, problem: object) -> None:
        certificate = "certificate verify failed" in str(problem)
        advice = (
            CERTIFICATE_ADVICE if certificate else "check that it runs, and the address: http:// or https:// to /mcp"
        )
        super().__init__(f"cannot reach {url} ({problem}); {advice}")


class Unanswered(Failure):
    """The message was sent whole, and what became of it is unknown."""

    def __init__(self, url: str, problem: object) -> None:
        super().__init__(
            f"{url} did not answer ({problem}); it may have carried the request out: check before repeating it"
        )


class SessionLost(Failure):
    """The gateway does not know the session, and has not looked at the message."""

    def __init__(self, url: str) -> None:
        super().__init__(f"{url} no longer knows this session and opens no other; connect again")


class Session(NamedTuple):
    """What a handshake agreed on, and how it was asked for. A stateless gateway gives no id."""

    id: str | None
    version: str | None
    handshake: Message


def error(request_id: object, code: int, message: str) -> Message:
    """A JSON-RPC error response."""
    return {"jsonrpc": "2.0", "id": request_id, "error": {"code": code, "message": message}}


def encode(message: Message) -> bytes:
    """The message as the gateway gets it: in its own script, which is shorter, where that is Unicode."""
    try:
        return json.dumps(message, ensure_ascii=False, separators=(",", ":")).encode()
    except UnicodeEncodeError:  # half a surrogate pair
        return json.dumps(message, separators=(",", ":")).encode()


def standalone_version(message: Message) -> str | None:
    """The protocol version that a request states itself, which is how one tells that it stands alone."""
    params = message.get("params")
    meta = params.get("_meta") if isinstance(params, dict) else None
    version = meta.get(VERSION_META) if isinstance(meta, dict) else None
    return version if isinstance(version, str) else None


def routing(message: Message, session: Session | None) -> dict[str, str]:
    """The headers that say where a message belongs: to itself, or to the session."""
    pairs: dict[str, object] = {}
    if version := standalone_version(message):
        name = message["params"].get(NAMED_BY.get(message.get("method", "")))
        pairs = {"MCP-Protocol-Version": version, "Mcp-Method": message.get("method"), "Mcp-Name": name}
    elif session and message.get("method") != "initialize":
        pairs = {"MCP-Protocol-Version": session.version, "Mcp-Session-Id": session.id}
    return {header: header_value(value) for header, value in pairs.items() if isinstance(value, str)}


def header_value(text: str) -> str:
    """Text as a header may carry it: as it is, or in base64 between the marks that the protocol defines."""
    plain = re.fullmatch(r"[\x20-\x7E]*", text) and text == text.strip() and not re.fullmatch(r"=\?base64\?.*\?=", text)
    return text if plain else f"=?base64?{base64.b64encode(text.encode(errors='replace')).decode()}?="
