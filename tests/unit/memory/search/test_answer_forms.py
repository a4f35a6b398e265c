"""A question for a version or a domain name finds nothing where nobody said one, however near what is found comes."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from services.memory.domain.queries import Query
from services.memory.search.answer_forms import Form, answer_form
from services.memory.search.explanation import explain
from tests.unit.memory.operations.test_restatements import MARCH, Service, said, served

NODE = "Which version of Node do we run?"
DOMAIN = "What is the domain name of the staging server?"


@pytest.mark.parametrize(
    "text",
    [
        "Node is pinned to 20",
        "we use node20 now",
        "FROM node:20-alpine",
        "upgraded from Node 18 to 22",
        "version 20 of Node",
        "We spoke of the Node version.",
        "Node.js went from v18 to v20.11.1",
        '"node": ">=18.17"',
    ],
)
def test_a_number_near_the_name_is_a_version(text: str) -> None:
    form = answer_form(NODE)
    assert form
    assert form.is_in(["Something else.", text])


@pytest.mark.parametrize(
    "text",
    [
        "Node streams are slow",
        "python 3.12 is there, node too",
        "We have node, 3 replicas, and a queue.",
        "NODE_URL=node://user:password@localhost:5432/app",
        "",
    ],
)
def test_a_number_elsewhere_is_none(text: str) -> None:
    form = answer_form(NODE)
    assert form
    assert not form.is_in([text])


@pytest.mark.parametrize(
    ("query", "names"),
    [
        ("What PostgreSQL version is being used?", ["postgresql"]),
        ("which version is Postgres on?", ["postgres"]),
        ("What is the current version of react-native that we ship?", ["react-native"]),
    ],
)
def test_the_thing_is_what_the_question_names(query: str, names: list[str]) -> None:
    form = answer_form(query)
    assert form
    assert (form.form, [*form.names]) == (Form.VERSION, names)


def test_names_of_which_one_begins_the_other_are_the_same() -> None:
    form = answer_form("What Postgres version is being used?")
    assert form
    assert form.is_in(["PostgreSQL 16 is on the server"])
    short = answer_form("What Go version is used?")
    assert short
    assert short.is_in(["Go 1.22"])
    assert not short.is_in(["gorilla 1.22"])


@pytest.mark.parametrize(
    "query",
    ["version bump failed in CI", "How does API versioning work?", "what version are we on", "the domain model", ""],
)
def test_other_questions_have_no_form(query: str) -> None:
    assert answer_form(query) is None


@pytest.mark.parametrize(
    ("text", "has_one"),
    [
        ("it answers at api.acme.io", True),
        ("https://shop.example.com/cart", True),
        ("segue.fly.app.example.app", True),
        ("see app/main.py and order.id", False),
        ("listen on 10.0.0.1:80", False),
        ("self.app, e.g. created_at.desc", False),
    ],
)
def test_a_domain_has_an_ending_that_there_is(text: str, has_one: bool) -> None:
    form = answer_form(DOMAIN)
    assert form
    assert form.is_in([text]) == has_one


@pytest.mark.parametrize("text", ["node " * 200_000, "1." * 100_000, "a.b-" * 100_000, "://" * 100_000])
def test_hostile_texts_take_no_time(text: str) -> None:
    for query in (NODE, DOMAIN, f"which {text[:9_000]} version"):
        if form := answer_form(query):
            form.is_in([text] * 3)


MANUAL = said("The version of the manual was printed.", MARCH, "another")


@pytest.fixture
async def service(tmp_path: Path) -> AsyncIterator[Service]:
    async with served(tmp_path) as opened:
        yield opened


async def test_nothing_is_found_until_somebody_said_it(service: Service) -> None:
    await service.remember(said("We run Node: Node is what we do run.", MARCH), MANUAL)
    asked = Query(NODE, min_score=None)
    nothing = await service.search(asked)
    assert nothing.found == []
    assert nothing.nearest
    assert nothing.nearest.memory.content.startswith("We run Node")
    assert any("asks for a version" in each for each in nothing.suggestions)
    assert (await service.search(replace(asked, min_score=0.0))).found
    (stored,) = await service.storing.remember("ann", [said("We run Node 20: Node is what we do run.", MARCH)])
    assert (await service.search(asked)).found[0].memory.id == stored.id


async def test_the_explanation_says_so(service: Service) -> None:
    stored, _ = await service.remember(said("We run Node: Node is what we do run.", MARCH), MANUAL)
    told = await explain(service.searching, "ann", Query(NODE, min_score=None), stored.id)
    assert "asks for what has a form" in told.whereabouts
