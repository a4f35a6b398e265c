"""`POST /v1/reports`: takes the reports that CI made of one of the caller's projects at a commit.

`{"project": its label, name or remote's address, "commit", "reports"?: [{"name", "content"}], "evidence"?: [{"name",
"value", "detail"?}], "lines"?, "job"?, "measured_at"?}` → what they say, and which of them say nothing.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from services.gateway.answers.memory_results import iso
from services.gateway.arguments.forms import without_nulls
from services.gateway.arguments.time_expressions import moment
from services.gateway.backends import Backends
from services.gateway.directory.project_labels import ProjectLabels
from services.gateway.endpoints.json_requests import caller_mistakes, json_value
from services.kit.errors import InvalidInput, NotFound, TooLarge
from services.pb import projects_pb2, quality_pb2
from services.workspace.project_identity import Sighting
from services.workspace.remote_address import remote_address

TEXTS = ("project", "commit", "job", "measured_at")
body_max_bytes = 6 * 1024 * 1024
"""A request's own limit (`SEGUE_GATEWAY_BODY_MAX_BYTES`) is smaller unless it is raised."""


class CiReports:
    """The endpoint."""

    def __init__(self, backends: Backends, labels: ProjectLabels) -> None:
        self._backends = backends
        self._labels = labels

    async def __call__(self, request: Request) -> Response:
        """Answers once they are stored."""
        given = await _body(request)
        with caller_mistakes("The body"):
            asked = _hand_in(given)
        asked.project = await known_label(self._backends, self._labels, asked.project)
        quality = self._backends.quality
        answer: quality_pb2.HandInResponse = await quality.call(quality.stub.HandIn, asked)
        if not answer.evidence:
            reasons = "; ".join(f"{each.name}: {each.reason}" for each in answer.refused[:5])
            raise InvalidInput(
                f"None of the reports says anything. {reasons}", "docs/guides/quality.md lists the forms that are read."
            )
        taken = [_evidence(each) for each in answer.evidence]
        refused = [{"name": each.name, "reason": each.reason} for each in answer.refused]
        return JSONResponse({"project": asked.project, "commit": asked.commit, "taken": taken, "refused": refused})


async def known_label(backends: Backends, labels: ProjectLabels, project: str) -> str:
    """The label of the caller's project, by its label, name or remote's address; NotFound for what is none."""
    if not project.strip():
        raise InvalidInput("Name the project.", "Send its label, its name or its remote's address.")
    projects = backends.projects
    try:
        with caller_mistakes("project"):
            asked = projects_pb2.FindRequest(name=project)
        found: projects_pb2.Project = await projects.call(projects.stub.Find, asked)
    except NotFound:
        address = remote_address(project) or remote_address(f"https://{project}")
        if address and (label := await labels.known_label(_sighting_of(address))):
            return label
        raise
    return str(found.label)


async def _body(request: Request) -> Mapping[str, Any]:
    body = await request.body()
    if len(body) > body_max_bytes:
        raise TooLarge(f"The body is over {body_max_bytes:,} bytes.", "Hand the reports in one by one.")
    found = json_value(body, "The body")
    if not isinstance(found, dict):
        raise InvalidInput("The body is not a JSON object.")
    return without_nulls(found)


def _hand_in(given: Mapping[str, Any]) -> quality_pb2.HandInRequest:
    texts = {name: given.get(name, "") for name in TEXTS}
    if not all(isinstance(each, str) for each in texts.values()):
        raise InvalidInput(f"{', '.join(TEXTS)} are texts.")
    texts = {name: text.encode("utf-8", "replace").decode() for name, text in texts.items()}
    lines = given.get("lines", 0)
    if not isinstance(lines, int) or isinstance(lines, bool):
        raise InvalidInput("lines is a whole number.")
    request = quality_pb2.HandInRequest(
        project=texts["project"],
        commit=texts["commit"],
        job=texts["job"],
        lines=lines,
        reports=[_report(each) for each in _list(given, "reports")],
        measured_at=moment(texts["measured_at"] or None, "measured_at"),
    )
    if values := _list(given, "evidence"):
        request.evidence = json.dumps(values)
    return request


def _list(given: Mapping[str, Any], name: str) -> list[Any]:
    """The list; of reports also an object of their contents by name."""
    found = given.get(name, [])
    if isinstance(found, dict) and name == "reports":
        found = [{"name": key, "content": content} for key, content in found.items()]
    if not isinstance(found, list):
        raise InvalidInput(f"{name} is a list.")
    return found


def _report(given: object) -> quality_pb2.HandedReport:
    named = given if isinstance(given, dict) else {}
    name, content = named.get("name"), named.get("content")
    if not isinstance(name, str) or not isinstance(content, str):
        raise InvalidInput("A report has a name and a content, which are texts.")
    return quality_pb2.HandedReport(name=name, content=content.encode("utf-8", "replace"))


def _sighting_of(address: str) -> Sighting:
    """A repository of which nothing but its remote is known."""
    name = address.rpartition("/")[2]
    return Sighting(name, "", address, address, is_repository=True, remote=address, is_first_commit_unknown=True)


def _evidence(each: quality_pb2.HandedEvidence) -> dict[str, Any]:
    named = {"name": each.name, "value": each.value, "detail": each.detail, "source": each.source}
    return {**named, "measured_at": iso(each.measured_at)}
