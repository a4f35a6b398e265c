"""Permissions: the rules, what waits for a decision, what was decided; and a box to try a command.

Who presses a button here is a person: what widens takes effect at once.
"""

from __future__ import annotations

from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from services.gateway.directory.client_reports import Asked
from services.gateway.page.forms import Fields, query_texts
from services.gateway.page.notices import Notice
from services.gateway.page.parts import Parts
from services.kit.errors import InvalidInput, ServiceError

SCOPES = ("project", "always")
DECISIONS = ("permit", "deny")
hours_max = 24 * 366
HERE = "/page/permissions"


class Permissions:
    """The page and what its forms decide."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts

    async def show(self, request: Request) -> Response:
        """Everything; with an operation in the address, also what the rules say of it."""
        asked = query_texts(request.query_params, "operation", "target", "directory")
        found = await self._parts.tools.call("permission_status")
        answer, problem = None, None
        if asked["target"] or asked["operation"]:
            try:
                texts = {"operation": asked["operation"] or "Bash", "target": asked["target"]}
                answer = await self._parts.workflows.permissions.answer(texts, Asked(asked["directory"]))
            except InvalidInput as error:
                problem = error.message
        return self._parts.show(
            request,
            "permissions.html",
            rules=sorted(found["rules"], key=lambda each: (each["decision"] != "deny", each["operation"])),
            proposals=found["proposals"],
            history=found["history"],
            asked=asked,
            answer=answer,
            problem=problem,
            scopes=SCOPES,
        )

    async def decide(self, request: Request) -> Response:
        """What a person says to a proposal."""
        fields = await self._parts.form(request)
        what = fields.choice("do", DECISIONS)
        await self._carry_out({"action": what, "id": fields.text("id")}, {})
        return self._parts.go(HERE, Notice("permitted" if what == "permit" else "declined"))

    async def record(self, request: Request) -> Response:
        """A new rule."""
        fields = await self._parts.form(request)
        what = fields.choice("do", DECISIONS)
        texts = {name: fields.text(name).strip() for name in ("operation", "target")}
        if not texts["operation"]:
            raise InvalidInput("The rule names no operation.", "Such as Bash, Edit or mcp__github__*.")
        directory, scope = fields.text("directory").strip(), fields.choice("scope", SCOPES)
        if scope == "project" and not directory:
            raise InvalidInput("A project's rule needs the project's directory.", "Or let the rule hold everywhere.")
        given = {"directory": directory, "expires_in_s": _seconds(fields), "exact": fields.has("exact")}
        await self._carry_out({"action": what, "scope": scope, **texts}, given)
        return self._parts.go(HERE, Notice("permitted" if what == "permit" else "denied"))

    async def revoke(self, request: Request) -> Response:
        """A rule goes."""
        fields = await self._parts.form(request)
        done = await self._carry_out({"action": "revoke", "id": fields.text("id")}, {})
        if not done["revoked"]:
            raise InvalidInput("There is no such rule any more.", "Open the page again.")
        return self._parts.go(HERE, Notice("revoked", done["revoked"]))

    async def _carry_out(self, texts: dict[str, str], given: dict[str, Any]) -> dict[str, Any]:
        every = dict.fromkeys(("action", "id", "operation", "target", "scope"), "") | texts
        try:
            return await self._parts.workflows.permissions.carry_out(every, given)
        except ServiceError as error:
            error.suggestions = error.suggestions or ("Go back to the permissions and look at what holds now.",)
            raise


def _seconds(fields: Fields) -> float:
    """After how many seconds the rule ends; 0 for never."""
    hours = fields.text("hours").strip()
    if not hours:
        return 0.0
    if not (hours.isascii() and hours.isdigit() and 0 < int(hours[:6]) <= hours_max):
        raise InvalidInput(f"A rule ends after 1 to {hours_max:,} hours, or never.")
    return int(hours[:6]) * 3600.0
