"""Projects: their names and roots, how long they are kept, their links; and two made one, or two again."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import Response

from services.gateway.answers.project_results import ProjectShape
from services.gateway.page.forms import Fields, query_texts
from services.gateway.page.notices import Notice
from services.gateway.page.parts import Parts
from services.gateway.workflows.projects import ProjectChange
from services.kit.errors import InvalidInput

listed_max = 50
LINKS = ("related", "continuation", "reference")
NAMES = ("rename", "alias", "unalias")


class ProjectPages:
    """The pages and what their forms change."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts

    async def list(self, request: Request) -> Response:
        """All of them, the one seen last first."""
        asked = query_texts(request.query_params, "name", "cursor")
        given = {name: each or None for name, each in asked.items()}
        found = await self._parts.tools.call("list_projects", limit=listed_max, **given)
        others = {} if asked["name"] or asked["cursor"] else await self._unseen(found["projects"])
        return self._parts.show(request, "projects.html", asked=asked, others=others, **found)

    async def show(self, request: Request) -> Response:
        """One project."""
        label = str(request.path_params["label"])
        tools, retention = self._parts.tools, self._parts.workflows.retention
        found, stats, links, rules = await asyncio.gather(
            tools.call("list_projects", name=label, limit=10),
            tools.call("reflection_stats", project=label),
            tools.call("list_project_links", project=label),
            retention.rule_list(),
        )
        known = [each for each in found["projects"] if label in {each["label"], *each["aliases"]}]
        default = next((each for each in rules["rules"] if each["is_default"]), None)
        own = next((each for each in rules["rules"] if each["project"] == label and not each["is_default"]), None)
        return self._parts.show(
            request,
            "project.html",
            label=label,
            project=known[0] if known else None,
            stats=stats,
            links=links["links"],
            rule=own,
            default=default,
            link_kinds=LINKS,
            base=_base(label),
        )

    async def _unseen(self, known: Sequence[Mapping[str, Any]]) -> dict[str, int]:
        """Projects that memories name and of which no directory was seen, with their number of memories."""
        found = await self._parts.tools.call("advanced_search", limit=1, facets=True)
        counts = (found["facets"] or {"project": {}})["project"]
        labels = {name for each in known for name in (each["label"], *each["aliases"])}
        return {name: count for name, count in counts.items() if name and name not in labels}

    async def name(self, request: Request) -> Response:
        """Another label, or one more name, or one less."""
        fields, work = await self._parts.form(request), self._parts.workflows.projects
        label, name = request.path_params["label"], _name(fields)
        what = fields.choice("do", NAMES)
        if what == "rename":
            changed = await work.rename(label, name)
        else:
            changed = await work.alias(label, name, remove=what == "unalias")
        return self._parts.go(_base(changed.project.label), Notice("done"))

    async def merge(self, request: Request) -> Response:
        """First says what would be moved, and moves it when that is confirmed."""
        fields, work = await self._parts.form(request), self._parts.workflows.projects
        label, name, is_dry = request.path_params["label"], _name(fields), not fields.has("confirmed")
        changed = await work.merge(label, name, dry_run=is_dry)
        return self._answer(request, changed, "merge", name) if is_dry else self._to_merged(changed)

    async def split(self, request: Request) -> Response:
        """The same for a project that was merged into this one."""
        fields, work = await self._parts.form(request), self._parts.workflows.projects
        label, name, is_dry = request.path_params["label"], _name(fields), not fields.has("confirmed")
        changed = await work.split(label, name, dry_run=is_dry)
        return self._answer(request, changed, "split", name) if is_dry else self._to_merged(changed)

    async def link(self, request: Request) -> Response:
        """A link to another project, or none any more."""
        fields, label = await self._parts.form(request), request.path_params["label"]
        if fields.has("unlink"):
            source, target = fields.text("source"), fields.text("target")
            await self._parts.tools.call("unlink_projects", source_project=source, target_project=target)
        else:
            kind = fields.choice("kind", LINKS)
            linked = {"source_project": label, "target_project": _name(fields), "dependency_type": kind}
            await self._parts.tools.call("link_projects", **linked, description=fields.text("description") or None)
        return self._parts.go(_base(label), Notice("done"))

    async def retention(self, request: Request) -> Response:
        """How long its conversations are kept."""
        fields, label = await self._parts.form(request), request.path_params["label"]
        await self._parts.workflows.retention.change_rule({"project": label, **_rule(fields)})
        return self._parts.go(_base(label), Notice("done"))

    def _answer(self, request: Request, would: ProjectChange, what: str, name: str) -> Response:
        label = request.path_params["label"]
        return self._parts.show(
            request,
            "confirm_move.html",
            would=would,
            target=ProjectShape.of(would.project).model_dump(),
            what=what,
            label=label,
            name=name,
            base=_base(label),
        )

    def _to_merged(self, changed: ProjectChange) -> Response:
        return self._parts.go(_base(changed.project.label), Notice("moved", changed.memories))


def _base(label: str) -> str:
    return f"/page/project/{quote(label, safe='')}"


def _name(fields: Fields) -> str:
    name = fields.text("name").strip()
    if not name:
        raise InvalidInput("The field for the name is empty.", "Type a project's label, name or alias.")
    return name


def _rule(fields: Fields) -> Mapping[str, Any]:
    """The fields of a retention rule; the default rule's again with `reset`."""
    what = fields.choice("keep", ["default", "forever", "days"])
    if what != "days":
        return {"reset": True} if what == "default" else {}
    days = fields.text("days").strip()
    if not (days.isascii() and days.isdigit() and 0 < int(days[:6]) < 100_000):
        raise InvalidInput("days is a whole number, at least 1.")
    return {"days": int(days[:6]), "reflections": fields.has("reflections")}
