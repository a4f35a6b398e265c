"""JSON-RPC messages in transit: their properties, their routing, and errors for requests that fail."""

from __future__ import annotations

import base64
import json
import re
from typing import Any, NamedTuple

from services.cli.gateway.failures import shown_address

Message = dict[str, Any]

PARSE_ERROR, INVALID_REQUEST, FAILED = -32700, -32600, -32000
VERSION_META = "io.modelcontextprotocol/protocolVersion"
ADDRESS_ADVICE = "check that it runs, and the address: http:// or https:// to /mcp"
CERTIFICATE_ADVICE = "name the certificate authority that you trust in SSL_CERT_FILE"
NAMED_BY = {"tools/call": "name", "prompts/get": "name", "resources/read": "uri"}  # the field that Mcp-Name repeats


class Failure(Exception):
    """Why a request gets no answer from the gateway; the client shows the text."""


class Undelivered(Failure):
    """The gateway cannot have received the whole message: it is safe to send again."""

    def __init__(self, url: str, problem: object) -> None:
        certificate = "certificate verify failed" in str(problem)
        advice = CERTIFICATE_ADVICE if certificate else ADDRESS_ADVICE
        reason = getattr(problem, "strerror", None) or problem
        super().__init__(f"cannot reach {shown_address(url)} ({reason}); {advice}")


class Unanswered(Failure):
    """The message was sent, and its outcome is unknown."""

    def __init__(self, url: str, problem: object) -> None:
        super().__init__(
            f"{url} did not answer ({problem}); it may have carried the request out: check before repeating it"
        )


class SessionLost(Failure):
    """The gateway does not know the session, and has not processed the message."""

    def __init__(self, url: str) -> None:
        super().__init__(f"{url} no longer knows this session and opens no other; connect again")


class Session(NamedTuple):
    """The result of a handshake, and its request. A stateless gateway gives no id."""

    id: str | None
    version: str | None
    handshake: Message


def error(request_id: object, code: int, message: str) -> Message:
    """A JSON-RPC error response."""
    return {"jsonrpc": "2.0", "id": request_id, "error": {"code": code, "message": message}}


def encode(message: Message) -> bytes:
    """The message for the gateway: as UTF-8, which is shorter than escapes, if it is valid Unicode."""
    try:
        return json.dumps(message, ensure_ascii=False, separators=(",", ":")).encode()
    except UnicodeEncodeError:  # a lone surrogate
        return json.dumps(message, separators=(",", ":")).encode()


def standalone_version(message: Message) -> str | None:
    """The protocol version in a request's own metadata, which marks it as stateless."""
    params = message.get("params")
    meta = params.get("_meta") if isinstance(params, dict) else None
    version = meta.get(VERSION_META) if isinstance(meta, dict) else None
    return version if isinstance(version, str) else None


def routing(message: Message, session: Session | None) -> dict[str, str]:
    """The headers that route a message: by itself, or by its session."""
    pairs: dict[str, object] = {}
    if version := standalone_version(message):
        name = message["params"].get(NAMED_BY.get(message.get("method", "")))
        pairs = {"MCP-Protocol-Version": version, "Mcp-Method": message.get("method"), "Mcp-Name": name}
    elif session and message.get("method") != "initialize":
        pairs = {"MCP-Protocol-Version": session.version, "Mcp-Session-Id": session.id}
    return {header: header_value(value) for header, value in pairs.items() if isinstance(value, str)}


def header_value(text: str) -> str:
    """Text as a header value: unchanged if possible, else in base64 between the protocol's marks."""
    plain = re.fullmatch(r"[\x20-\x7E]*", text) and text == text.strip() and not re.fullmatch(r"=\?base64\?.*\?=", text)
    return text if plain else f"=?base64?{base64.b64encode(text.encode(errors='replace')).decode()}?="
