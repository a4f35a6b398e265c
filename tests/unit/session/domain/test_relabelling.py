"""Rules, tallies and proposals of a project follow its label; others stay."""

from __future__ import annotations

from datetime import UTC, datetime

from services.session.domain.operation_risk import Level
from services.session.domain.permissions import Ledger, Place, Proposal, Rule, Scope, Source, Tally, Verdict
from services.session.domain.projects import Relabelling
from services.session.domain.relabelling import relabelled_ledger

NOW = datetime(2026, 3, 1, tzinfo=UTC)


def rule(id: str, project: str) -> Rule:
    place = Place(project, "/w", "s")
    return Rule(id, "bash", "make", False, Scope.PROJECT, Verdict.ALLOW, Level.LOW, Source.USER, place, NOW)


def test_all_of_a_ledger_that_names_the_project_follows() -> None:
    tally = Tally("bash", "make", Level.LOW, "api", "/w", 2, NOW)
    ledger = Ledger(
        "ann", (rule("1", "api"), rule("2", "web")), (tally,), 7, (Proposal("3", rule("3", "api"), False, NOW),)
    )
    moved = relabelled_ledger(ledger, Relabelling("ann", "api", "billing"))
    assert [each.place.project for each in moved.rules] == ["billing", "web"]
    assert [each.place.root for each in moved.rules] == ["/w", "/w"]
    assert moved.tallies[0].project == "billing"
    assert moved.proposals[0].rule.place.project == "billing"
    assert moved.version == 7
