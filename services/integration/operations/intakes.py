"""Intakes: addresses to which GitHub and GitLab report on a project, and what becomes of a report."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import NAMESPACE_URL, uuid5

from services.integration.domain.reports import PROVIDERS, Report, body_max_bytes, read_report
from services.integration.domain.signatures import is_signed_by_github, is_signed_by_gitlab
from services.integration.storage.event_log import EventLog, Intake
from services.kit.errors import InvalidInput, NotFound, TooLarge, Unauthenticated
from services.kit.events.outbox import outgoing
from services.kit.names import plain_name

project_max_chars = 500
id_max_chars = 100
DELIVERY_HEADERS = ("x-github-delivery", "x-gitlab-event-uuid", "webhook-id")


@dataclass(frozen=True, slots=True)
class ReadReport:
    """Whose it is, what is to be remembered of it (None: nothing), and an id that repetitions share."""

    intake: Intake
    delivery_id: str
    report: Report | None


class Intakes:
    """The intakes in a log."""

    def __init__(self, log: EventLog) -> None:
        self._log = log

    async def create(self, user: str, provider: str, project: str) -> Intake:
        """A new intake; its secret is shown this once."""
        if provider not in PROVIDERS:
            raise InvalidInput(f"provider is one of {', '.join(PROVIDERS)}.")
        name = plain_name(project)
        if not name or len(name) > project_max_chars:
            raise InvalidInput(f"project must have 1 to {project_max_chars} characters.")
        intake = Intake(secrets.token_urlsafe(18), user, provider, name, secrets.token_urlsafe(32), datetime.now(UTC))
        await self._log.add_intake(intake)
        return intake

    async def of(self, user: str) -> list[Intake]:
        """The user's, oldest first."""
        return await self._log.intakes(user=user)

    async def revoke(self, user: str, id: str) -> None:
        """NotFound if the user has no such intake."""
        if not await self._log.remove_intake(user, id):
            raise NotFound("You have no such intake.", "`segue events intakes` lists them.")

    async def read(self, id: str, headers: Mapping[str, str], body: bytes) -> ReadReport:
        """The report, once its signature is checked; it is in the log of events then, once however often it is sent.

        Unauthenticated for an intake that is not there as for a wrong signature.
        """
        if len(body) > body_max_bytes:
            raise TooLarge(f"The report is over {body_max_bytes:,} bytes.")
        found = await self._log.intakes(id=id) if 0 < len(id) <= id_max_chars else []
        intake = found[0] if found else Intake("", "", "github", "", secrets.token_urlsafe(32), datetime.now(UTC))
        is_signed = is_signed_by_github if intake.provider == "github" else is_signed_by_gitlab
        if not is_signed(intake.secret, body, headers) or not found:
            raise Unauthenticated("There is no such intake, or the signature is wrong.", "Compare the secrets.")
        report = read_report(intake.provider, headers, body)
        delivery = next((headers[name] for name in DELIVERY_HEADERS if headers.get(name)), "")
        unique = delivery or hashlib.sha256(body).hexdigest()
        event_id = str(uuid5(NAMESPACE_URL, f"segue intake {intake.id} {unique}"))
        if report:
            data = {**report.data, "intake_id": intake.id, "provider": intake.provider}
            await self._log.add([outgoing(report.subject, intake.user, datetime.now(UTC), data, event_id)])
        return ReadReport(intake, event_id, report)
