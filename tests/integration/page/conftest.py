"""Running Segues for the tests of the page: one of this machine's user, with content; and a team's."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.integration.page.content import Made, fill, repository_at
from tests.integration.page.http_browser import HttpBrowser
from tests.integration.page.person import Person
from tests.integration.stack import ProcessStack
from tests.integration.team import TeamStack


class Filled(NamedTuple):
    """A running Segue with something on every page."""

    stack: ProcessStack
    person: Person
    made: Made

    def browser(self) -> HttpBrowser:
        """A browser that has come in."""
        browser = HttpBrowser(self.stack.url)
        assert browser.enter(self.person.link()).status == 200
        return browser


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Filled]:
    directory = tmp_path_factory.mktemp("page")
    with ProcessStack(directory / "data") as stack:
        person = Person(stack.url)
        yield Filled(stack, person, fill(person, repository_at(directory / "checkout")))


@pytest.fixture(scope="module")
def team(tmp_path_factory: pytest.TempPathFactory, model_directory: Path) -> Iterator[TeamStack]:
    """Segue for several users, who sign in by their tokens."""
    with TeamStack(tmp_path_factory.mktemp("team") / "data", model_directory) as stack:
        yield stack
