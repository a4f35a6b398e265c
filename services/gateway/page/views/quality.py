"""Quality: a project's score, what it was measured from, how it went, and what to do next."""

from __future__ import annotations

from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from services.gateway.answers.memory_results import iso
from services.gateway.directory.client_reports import Asked, Wanted
from services.gateway.page.display import charts
from services.gateway.page.display.time_display import parse
from services.gateway.page.forms import query_texts
from services.gateway.page.notices import Notice
from services.gateway.page.parts import Parts
from services.gateway.page.rendering import address
from services.gateway.workflows.quality import Assessed, assess, expected_fixes, recommendation_shapes
from services.gateway.workflows.recommendations import standings
from services.kit.errors import ServiceError

points_max = 100
listed_max = 50
HERE = "/page/quality"
ANSWERS = {"done": "Done", "not_now": "Not now", "never": "Never"}


class Quality:
    """The page."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts

    async def show(self, request: Request) -> Response:
        """Of the project in the address; else of the one that was seen last."""
        tools = self._parts.tools
        projects = (await tools.call("list_projects", limit=listed_max))["projects"]
        label = query_texts(request.query_params, "project")["project"]
        label = label or (projects[0]["label"] if projects else "")
        project = next((each for each in projects if each["label"] == label), None)
        history = await tools.call("quality_history", project=label, limit=points_max) if label else None
        root = project["roots"][0] if project and project["roots"] else ""
        assessed = await self._assess(root) if root else None
        return self._parts.show(
            request,
            "quality.html",
            projects=projects,
            label=label,
            root=root,
            history=history,
            chart=_chart(history["points"], self._parts.viewer(request).zone) if history else "",
            report=_report(assessed),
            trouble=assessed.trouble if assessed else "",
            choices=ANSWERS,
            answers=await self._answers(label) if label else [],
        )

    async def measure(self, request: Request) -> Response:
        """Measures now, and adds the score to the history."""
        fields = await self._parts.form(request)
        await self._parts.tools.call("quality_check", working_directory=fields.text("root"))
        return self._parts.go(address(HERE, project=fields.text("project")), Notice("checked"))

    async def answer(self, request: Request) -> Response:
        """Keeps what the person says of a recommendation."""
        fields = await self._parts.form(request)
        project, said = fields.text("project"), fields.choice("answer", [*ANSWERS, "undo"])
        await self._parts.tools.call("answer_recommendation", id=fields.text("id"), answer=said, project=project)
        return self._parts.go(address(HERE, project=project), Notice("answered"))

    async def _answers(self, project: str) -> list[dict[str, str]]:
        """What was answered and still holds; nothing while quality does not say."""
        try:
            found = await standings(self._parts.backends, project)
        except ServiceError:
            return []
        return [
            {"id": each.id, "answer": ANSWERS[each.answer], "until": iso(each.until) if each.HasField("until") else ""}
            for each in found.standings
            if each.answer in ANSWERS and not each.returned
        ]

    async def _assess(self, root: str) -> Assessed:
        sessions = self._parts.workflows.sessions
        try:
            place = await sessions.workplace.find(Asked(root))
        except (ServiceError, Wanted) as error:
            return Assessed(None, getattr(error, "message", "this gateway does not see the directory"))
        return await assess(self._parts.backends, place)


def _report(assessed: Assessed | None) -> dict[str, Any] | None:
    if assessed is None or assessed.report is None:
        return None
    report = assessed.report
    components = [
        {
            "name": each.name.replace("_", " "),
            "group": each.group,
            "points": each.points,
            "weight": each.weight,
            "measured": each.measured,
            "source": each.source,
            "detail": each.detail,
            "measured_at": iso(each.measured_at) if each.HasField("measured_at") else None,
        }
        for each in report.components
        if each.weight and not each.not_applicable
    ]
    return {
        "overall": report.overall_score,
        "measured": 100 * report.evidence_coverage,
        "summary": report.summary,
        "components": components,
        "next": recommendation_shapes(report),
        "fixes": expected_fixes(report),
    }


def _chart(points: list[dict[str, Any]], zone: Any) -> Any:
    made = []
    for each in points:
        time = parse(each["timestamp"])
        if time:
            shown = f"{each['overall_score']:.0f} on {time.astimezone(zone):%d %b %Y, %H:%M}"
            made.append(charts.Point(time.timestamp(), each["overall_score"], shown))
    return charts.line(made, "The score over time, 0 to 100")
