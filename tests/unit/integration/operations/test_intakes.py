"""Intakes: whose report it is, the signature says; a report is told once, and a stranger learns nothing."""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from services.integration.operations.intakes import Intakes
from services.integration.storage import event_log
from services.integration.storage.event_log import EventLog, open_log
from services.kit.errors import InvalidInput, NotFound, OverQuota, TooLarge, Unauthenticated

BODY = json.dumps({"ref": "refs/heads/main", "after": "a" * 40, "commits": [{"message": "The otter swims"}]}).encode()


def signed(secret: str, body: bytes = BODY, delivery: str = "d1") -> dict[str, str]:
    digest = hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()
    return {"x-github-event": "push", "x-github-delivery": delivery, "x-hub-signature-256": f"sha256={digest}"}


@pytest.fixture
async def log(tmp_path: Path) -> AsyncIterator[EventLog]:
    async with open_log(tmp_path / "events.sqlite", 1000) as log:
        yield log


async def test_a_report_is_told_once_however_often_it_is_sent_and_without_a_word_of_it(log: EventLog) -> None:
    intakes = Intakes(log)
    intake = await intakes.create("ada", "github", "shop")
    for _ in range(3):
        read = await intakes.read(intake.id, signed(intake.secret), BODY)
        assert read.report
        assert "The otter swims" in read.report.text
    await intakes.read(intake.id, signed(intake.secret, delivery="d2"), BODY)
    found, _ = await log.events_of("ada", 0, 10)
    assert [event.subject for _, event in found] == ["project.pushed"] * 2
    assert found[0][1].data == {"intake_id": intake.id, "provider": "github", "git_commit": "a" * 40, "commits": 1}
    assert "otter" not in found[0][1].text()
    assert "shop" not in found[0][1].text()


async def test_a_wrong_signature_and_an_intake_that_is_not_there_look_alike(log: EventLog) -> None:
    intakes = Intakes(log)
    intake = await intakes.create("ada", "github", "shop")
    said = set()
    for which, headers in (
        (intake.id, signed("wrong")),
        (intake.id, {}),
        ("nobody", signed(intake.secret)),
        ("", signed("")),
        ("x" * 5000, {}),
        ("' OR 1=1 --", {}),
    ):
        with pytest.raises(Unauthenticated) as refused:
            await intakes.read(which, headers, BODY)
        said.add(refused.value.message)
    assert len(said) == 1
    assert await log.events_of("ada", 0, 10) == ([], 0)


async def test_an_intake_is_its_users_and_ends_when_they_say_so(log: EventLog) -> None:
    intakes = Intakes(log)
    intake = await intakes.create("ada", "gitlab", "shop")
    assert await intakes.of("bob") == []
    with pytest.raises(NotFound):
        await intakes.revoke("bob", intake.id)
    await intakes.revoke("ada", intake.id)
    with pytest.raises(Unauthenticated):
        await intakes.read(intake.id, {"x-gitlab-token": intake.secret}, BODY)


async def test_what_is_asked_for_is_bounded(log: EventLog, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(event_log, "intakes_max", 1)
    intakes = Intakes(log)
    for provider, project in (("bitbucket", "shop"), ("github", ""), ("github", "x" * 501)):
        with pytest.raises(InvalidInput):
            await intakes.create("ada", provider, project)
    intake = await intakes.create("ada", "github", "shop")
    with pytest.raises(OverQuota):
        await intakes.create("ada", "github", "shop")
    with pytest.raises(TooLarge):
        await intakes.read(intake.id, {}, b"x" * (2 << 20))
