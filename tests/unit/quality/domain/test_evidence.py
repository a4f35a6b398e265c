"""Evidence that a client reports is believed only as far as it can be."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from services.kit.errors import InvalidInput, LimitExceeded
from services.quality.domain.evidence import Collected, Evidence, from_json, reported_max_bytes, to_json

NOW = datetime(2026, 3, 1, tzinfo=UTC)


def report(**row: Any) -> str:
    return json.dumps({"evidence": [{"name": "test_coverage", "value": 50, "measured": True, **row}]})


def test_what_a_client_collected_comes_back_and_says_whose_word_it_is() -> None:
    evidence = Evidence("lint", 2.5, True, "ruff: ruff.json", NOW, 60.0, "3 findings")
    sent = to_json(Collected({"lint": evidence}, {"branch": "main", "staged": 2}, {"state": "agrees"}))
    got = from_json(sent, NOW)
    assert got.evidence["lint"].value == 2.5
    assert got.evidence["lint"].age_s == 60
    assert got.evidence["lint"].measured_at == NOW
    assert got.evidence["lint"].source == "ruff: ruff.json (reported by client)"
    assert got.git == {"branch": "main", "staged": 2}
    assert got.dependencies == {"state": "agrees"}


@pytest.mark.parametrize(
    "row",
    [
        {"value": 300},
        {"value": -1},
        {"value": float("nan")},
        {"value": float("inf")},
        {"value": True},
        {"value": "90"},
        {"value": None},
        {"age_s": -5},
        {"measured_at": "yesterday"},
        {"measured_at": "2026-01-01T00:00:00"},
        {"measured_at": 5},
        {"name": "uncommitted", "value": 1e12},
    ],
)
def test_what_cannot_be_is_refused(row: dict[str, Any]) -> None:
    with pytest.raises(InvalidInput):
        from_json(report(**row), NOW)


@pytest.mark.parametrize("text", ["", "[]", "{", "null", '{"evidence": {}}', "[" * 50_000])
def test_what_is_no_report_is_refused(text: str) -> None:
    with pytest.raises(InvalidInput):
        from_json(text, NOW)


def test_a_report_that_is_too_large_is_refused() -> None:
    with pytest.raises(LimitExceeded):
        from_json(report(detail="x" * reported_max_bytes), NOW)


@pytest.mark.parametrize("name", ["permissions", "overall_score", "", None, 5, ["lint"], {}])
def test_unknown_names_and_what_a_client_may_not_vouch_for_are_dropped(name: object) -> None:
    rows = [{"name": name, "value": 1, "measured": True}, "text", 5]
    assert from_json(json.dumps({"evidence": rows}), NOW).evidence == {}


def test_a_measurement_from_the_future_is_none() -> None:
    got = from_json(report(measured_at=(NOW + timedelta(hours=1)).isoformat()), NOW).evidence["test_coverage"]
    assert not got.measured
    assert "future" in got.detail


def test_text_is_cut_and_holds_nothing_that_does_not_print() -> None:
    got = from_json(report(detail="a\x1b[31m\n" + "b" * 1000), NOW).evidence["test_coverage"]
    assert len(got.detail) <= 300
    assert got.detail.isprintable()


def test_facts_are_flat_and_few() -> None:
    facts = {f"key{number}": number for number in range(100)} | {"deep": {"a": 1}}
    got = from_json(json.dumps({"evidence": [], "git": facts}), NOW)
    assert len(got.git) <= 20
