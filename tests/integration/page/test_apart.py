"""No page shows what is another user's, whatever happened before: random users, changes, and ids of anybody's.

Each user writes one animal into everything that is theirs. A page that somebody else is shown may not have it, unless
it was shared; and no form that somebody sends changes what is another's.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping
from pathlib import Path
from urllib.parse import quote

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from services.gateway.access.browser_sessions import form_token
from tests.fuzz.budget import examples
from tests.integration.page.http_browser import HttpBrowser, Page
from tests.integration.page.person import Person
from tests.integration.page.test_entry import PAGES
from tests.integration.team import TeamStack

ANIMALS = {"ada": "quokka", "bob": "narwhal"}
PROJECTS = ("shop", "tower")
Step = tuple[str, str, int]
"""Who, what, and to which of the things that anybody has made."""


class World:
    """The users' browsers and agents, and all that was made in this history."""

    def __init__(self, stack: TeamStack, directory: Path) -> None:
        self.browsers = {user: HttpBrowser(stack.url) for user in ANIMALS}
        self.agents = {user: Person(stack.url, stack.token(user)) for user in ANIMALS}
        self.tokens = {user: stack.token(user) for user in ANIMALS}
        for user, browser in self.browsers.items():
            assert browser.sign_in(stack.token(user)).status == 200
        self.directory = directory
        self.owner: dict[str, str] = {}
        self.shared: set[str] = set()
        self.sessions: list[str] = ["nothing"]
        self.count = 0

    def any(self, which: int) -> str:
        """A memory of anybody's."""
        ids = [*self.owner, "nothing"]
        return ids[which % len(ids)]

    def send(self, user: str, path: str, **fields: object) -> Page:
        """A form of the page, as that user's browser sends it."""
        token = form_token(self.tokens[user], path)
        page = self.browsers[user].post(path, {**fields, "form": token, "back": "/page/today"})
        self.look(user, page)
        return page

    def look(self, user: str, page: Page) -> None:
        """Nothing of anybody else's is in it."""
        text = page.html.lower()
        for other, animal in ANIMALS.items():
            assert other == user or f"secret {animal}" not in text, f"{user} was shown {other}'s at {page.address}"


def store(world: World, user: str, which: int) -> None:
    world.count += 1
    content = f"Our secret {ANIMALS[user]} number {world.count} sleeps in the pantry"
    tags = [f"secret {ANIMALS[user]}", "decision"]
    made = world.agents[user].done("store_reflection", content=content, tags=tags, project=PROJECTS[which % 2])
    world.owner[made["reflection_id"]] = user


def begin(world: World, user: str, which: int) -> None:
    directory = world.directory / f"secret {ANIMALS[user]}"
    directory.mkdir(exist_ok=True)
    world.sessions.append(world.agents[user].done("init", working_directory=str(directory))["session_id"])


def edit(world: World, user: str, which: int) -> None:
    made = world.any(which)
    fields = {"content": f"Our secret {ANIMALS[user]} was edited {world.count}", "tags": "decision", "project": "shop"}
    done = world.send(user, f"/page/memory/{made}/edit", **fields)
    assert done.status == 200 or world.owner.get(made) != user


def replace(world: World, user: str, which: int) -> None:
    world.send(user, f"/page/memory/{world.any(which)}/replace", content=f"A secret {ANIMALS[user]} instead", tags="")


def change(what: str) -> Callable[[World, str, int], None]:
    def carry_out(world: World, user: str, which: int) -> None:
        made = world.any(which)
        world.send(user, "/page/memories/change", do=what, id=made)

    return carry_out


def delete(world: World, user: str, which: int) -> None:
    """The confirmation that one got does not delete what is another's."""
    made = world.any(which)
    asked = world.send(user, "/page/memories/change", do="delete", id=made)
    tokens = [named["value"] for tag, named in asked.elements if named.get("name") == "confirmation_token"]
    if tokens:
        assert world.owner[made] == user
        world.send(user, "/page/memories/delete", id=made, confirmation_token=tokens[0])
        del world.owner[made]


def deny(world: World, user: str, which: int) -> None:
    fields = {"operation": "Bash", "target": f"feed secret {ANIMALS[user]} {which}", "scope": "always", "do": "deny"}
    assert world.send(user, "/page/permissions/record", **fields).status == 200


STEPS: Mapping[str, Callable[[World, str, int], None]] = {
    "store": store,
    "begin": begin,
    "edit": edit,
    "replace": replace,
    "withdraw": change("withdraw"),
    "hold": change("hold"),
    "undelete": change("undelete"),
    "delete": delete,
    "deny": deny,
}


def look_at_everything(world: World) -> None:
    """All pages of both, and each page of the other's things."""
    mine: defaultdict[str, int] = defaultdict(int)
    for user, browser in world.browsers.items():
        addresses = [f"/page/{name}" for name in PAGES] + ["/page/export/memories.jsonl", "/page/decisions?state=all"]
        addresses += [f"/page/search?q={quote(f'secret {animal} pantry')}" for animal in ANIMALS.values()]
        addresses += [f"/page/project/{each}" for each in (*PROJECTS, *map(quote, ANIMALS.values()))]
        addresses += [f"/page/session/{each}" for each in world.sessions]
        addresses += [f"/page/conversation/{each}" for each in world.sessions]
        addresses += [f"/page/quality?project={quote(f'secret {animal}')}" for animal in ANIMALS.values()]
        for address in addresses:
            if any(quote(f"secret {animal}") in address for other, animal in ANIMALS.items() if other != user):
                continue  # it shows its own question
            page = browser.open(address)
            world.look(user, page)
            mine[user] += f"secret {ANIMALS[user]}" in page.html
        for made, owner in world.owner.items():
            page = browser.open(f"/page/memory/{made}")
            world.look(user, page)
            assert (page.status == 200) == (owner == user)
    assert all(mine[owner] for owner in set(world.owner.values())), "the animals are seen by their own"


histories = st.lists(
    st.tuples(st.sampled_from(sorted(ANIMALS)), st.sampled_from(sorted(STEPS)), st.integers(0, 50)),
    min_size=4,
    max_size=14,
)


@pytest.fixture(scope="module")
def world_directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("apart")


@pytest.mark.slow
@settings(
    max_examples=examples(12),
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=list(HealthCheck),
    derandomize=True,
)
@given(history=histories)
def test_no_page_shows_what_is_another_users(team: TeamStack, world_directory: Path, history: list[Step]) -> None:
    world = World(team, world_directory)
    store(world, "ada", 0)
    store(world, "bob", 1)
    for user, what, which in history:
        STEPS[what](world, user, which)
    look_at_everything(world)


@pytest.mark.slow
def test_a_page_of_one_user_is_not_given_to_another(team: TeamStack) -> None:
    """The form of one is refused to the other, who knows it word by word."""
    ada, bob = HttpBrowser(team.url), HttpBrowser(team.url)
    ada.sign_in(team.token("ada"))
    bob.sign_in(team.token("bob"))
    made = Person(team.url, team.token("bob")).done("store_reflection", content="Bob's own.")["reflection_id"]
    form = bob.open(f"/page/memory/{made}").form("/page/memories/change", "Delete…")
    taken = ada.post(form.action, [*form.fields, ("do", "delete")])
    assert taken.status == 403
    own = form_token(team.token("ada"), "/page/memories/change")
    named = ada.post(form.action, [("form", own), ("id", made), ("do", "delete")])
    assert named.status == 400
    assert "None of these memories is yours" in named.words
