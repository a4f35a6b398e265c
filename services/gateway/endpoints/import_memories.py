"""`POST /v1/memories`: stores a batch of memories and project links, sent as JSON Lines by `segue import`."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from services.gateway.answers.memory_results import KIND
from services.gateway.arguments.text_values import list_of, object_of
from services.gateway.arguments.time_expressions import moment
from services.gateway.backends import MemoryBackend
from services.gateway.directory.project_labels import ProjectLabels
from services.gateway.endpoints.json_requests import caller_mistakes, json_value
from services.gateway.errors import failure
from services.kit.errors import InvalidInput, ServiceError, TooLarge
from services.kit.transport.rpc import ERROR_NAMED
from services.pb import memory_pb2
from services.workspace.project_identity import Sighting

_text_fields = ("project", "session_id", "role", "id")
DELETED_TOO = "deleted_too"
"""In the query: store also what was deleted before."""
_link_fields = ("source", "target", "type", "description")

Rejection = dict[str, Any]
"""`line` (from 0), `error_code` and `error`: why a line was not stored, without its content."""


@dataclass(slots=True)
class Batch:
    """The valid lines as one request, with the line number of each part, and the other lines' errors."""

    request: memory_pb2.StoreRequest
    lines: dict[str, list[int]] = field(default_factory=lambda: {"memories": [], "links": []})
    rejected: list[Rejection] = field(default_factory=list)
    places: list[Sighting | None] = field(default_factory=list)
    """Of each memory, where it was said, if the line tells."""

    @classmethod
    def of(cls, body: bytes, *, deleted_too: bool = False) -> Batch:
        """All lines of a body."""
        batch = cls(memory_pb2.StoreRequest(each=True, deleted_too=deleted_too))
        for number, line in enumerate(body.splitlines()):
            try:
                batch.lines[batch._add(line)].append(number)
            except ServiceError as error:
                batch.reject(number, error)
        return batch

    def _add(self, line: bytes) -> str:
        """Adds one line to the request, and returns which part of the request it went into.

        InvalidInput, without the line's content, if it is neither a memory nor a link.
        """
        fields = json_value(line, "The line")
        with caller_mistakes("The line"):
            if isinstance(fields, dict) and isinstance(fields.get("link"), dict):
                self.request.links.append(_link(fields["link"]))
                return "links"
            if isinstance(fields, dict) and isinstance(fields.get("content"), str):
                place = Sighting.from_dict(fields["place"]) if fields.get("place") else None
                self.request.memories.append(_new_memory(fields))
                self.places.append(place)
                return "memories"
        raise InvalidInput("The line has no content.")

    def reject(self, line: int, error: ServiceError) -> None:
        """Marks this line as not stored."""
        self.rejected.append({"line": line, "error_code": failure(error)["error_code"], "error": error.message})

    def take(self, answer: memory_pb2.StoreResponse) -> dict[str, Any]:
        """The result of every line, from the memory service's answer for those it was sent; `ids` are of new ones."""
        for part, refusals in (("memories", answer.refused_memories), ("links", answer.refused_links)):
            for each in refusals:
                self.reject(self.lines[part][each.place], ERROR_NAMED.get(each.error, InvalidInput)(each.message))
        sent = sum(map(len, self.lines.values())) - len(answer.refused_memories) - len(answer.refused_links)
        deleted = sum(outcome.was_deleted for outcome in answer.outcomes)
        stored = sum(not outcome.duplicate for outcome in answer.outcomes) - deleted + answer.links_stored
        embedded = sum(outcome.embedding_generated for outcome in answer.outcomes) + answer.links_stored
        rejected = sorted(self.rejected, key=lambda each: int(each["line"]))
        counts = {"stored": stored, "duplicates": sent - stored - deleted, "deleted": deleted, "embedded": embedded}
        new = [outcome.id for outcome in answer.outcomes if not (outcome.duplicate or outcome.was_deleted)]
        return {**counts, "rejected": rejected, "ids": new}


class BulkStore:
    """Stores the valid lines, and reports what is wrong with each other line. A line that tells the `place` it was
    said in is filed under that place's project, whatever name it gives."""

    def __init__(self, memory: MemoryBackend, labels: ProjectLabels, body_max_bytes: int, timeout_s: float) -> None:
        self._memory = memory
        self._labels = labels
        self._body_max_bytes = body_max_bytes
        self._timeout_s = timeout_s

    async def __call__(self, request: Request) -> Response:
        """The endpoint."""
        deleted_too = request.query_params.get(DELETED_TOO, "") in {"1", "true"}
        batch = Batch.of(await self._body(request), deleted_too=deleted_too)
        await self._file(batch)
        answer = memory_pb2.StoreResponse()
        if any(batch.lines.values()):
            answer = await self._memory.call(self._memory.stub.Store, batch.request, self._timeout_s)
        return JSONResponse(batch.take(answer))

    async def _file(self, batch: Batch) -> None:
        """Sets the project of each memory: that of its place, if the line tells it, else the one that it names."""
        known: dict[str, str] = {}
        for memory, place in zip(batch.request.memories, batch.places, strict=True):
            key = json.dumps(place.to_dict()) if place else memory.project
            if key not in known:
                known[key] = (await self._labels.of(place)).label if place else await self._named_label(memory.project)
            memory.project = known[key]

    async def _named_label(self, project: str) -> str:
        return await self._labels.stored_label(project) if project.strip() else project

    async def _body(self, request: Request) -> bytes:
        body = b""
        async for chunk in request.stream():
            body += chunk
            if len(body) > self._body_max_bytes:
                raise TooLarge(f"The body is over {self._body_max_bytes:,} bytes.", "Send smaller batches.")
        return body


def _value_of_text(value_of: Callable[[str], Any], value: Any) -> Any:
    """The enum value that the text names, if it is a text."""
    return value_of(value) if isinstance(value, str) else value


def _link(fields: dict[str, Any]) -> memory_pb2.Link:
    text = {name: fields.get(name) or "" for name in _link_fields}
    if not all(isinstance(value, str) for value in text.values()):
        raise InvalidInput(f"One of {', '.join(_link_fields)} is not text.")
    return memory_pb2.Link(created_at=moment(fields.get("created_at"), "created_at"), **text)


def _new_memory(fields: dict[str, Any]) -> memory_pb2.NewMemory:
    tags, metadata = (
        _value_of_text(list_of, fields.get("tags")) or [],
        _value_of_text(object_of, fields.get("metadata")) or {},
    )
    if not isinstance(metadata, dict) or not isinstance(tags, list) or not all(isinstance(tag, str) for tag in tags):
        raise InvalidInput("tags is not a list of words, or metadata is not an object.")
    kind = KIND.get(fields.get("kind") or "conversation")
    if kind is None:
        raise InvalidInput("kind is neither conversation nor reflection.")
    text = {name: fields.get(name) or "" for name in _text_fields}
    if not all(isinstance(value, str) for value in text.values()):
        raise InvalidInput(f"One of {', '.join(_text_fields)} is not text.")
    shared = fields.get("shared")
    if not (shared is None or isinstance(shared, bool)):
        raise InvalidInput("shared is neither true nor false.")
    new = memory_pb2.NewMemory(
        content=fields["content"].encode("utf-8", "replace"),
        kind=kind,
        timestamp=moment(fields.get("timestamp")),
        first_said=moment(fields["first_said"]) if fields.get("first_said") else None,
        tags=tags,
        metadata=json.dumps(metadata, ensure_ascii=False),  # UTF-8 errors are raised here
        shared=shared,
        project=text["project"],
        session_id=text["session_id"],
        role=text["role"],
        id=text["id"],
    )
    _add_corrections(new, fields)
    return new


def _add_corrections(new: memory_pb2.NewMemory, fields: dict[str, Any]) -> None:
    """What an export says of what the memory replaces, that it was withdrawn, and what it was before."""
    new.replaces.extend(_list(fields, "replaces"))
    new.made_of.extend(_list(fields, "made_of"))
    for name in ("replaced_at", "withdrawn_at"):
        if fields.get(name):
            getattr(new, name).CopyFrom(moment(fields[name], name))
    for each in _list(fields, "versions"):
        version = {name: each.get(name) or "" for name in ("content", "project")}
        changed_at = moment(each["changed_at"], "changed_at")
        new.versions.append(memory_pb2.Version(**version, tags=_list(each, "tags"), changed_at=changed_at))


def _list(fields: dict[str, Any], name: str) -> list[Any]:
    given = fields.get(name) or []
    if not isinstance(given, list) or (name == "versions" and not all(_is_version(each) for each in given)):
        raise InvalidInput(f"{name} is not a list of what it should be.")
    return given


def _is_version(given: Any) -> bool:
    return isinstance(given, dict) and isinstance(given.get("changed_at"), str)
