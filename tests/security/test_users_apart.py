"""No sequence of calls reads, or takes away, what is another user's: random users, calls, and ids of anybody's.

Each user writes one animal into everything that is theirs. Whatever comes back to somebody else may not have it.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from tests.fuzz.budget import examples
from tests.integration.team import HANDSHAKE, Answer, TeamStack

ANIMALS = {"ada": "quokka", "bob": "narwhal", "eve": "axolotl"}
PROJECTS = ("shop", "tower")
KINDS = ("memory", "session", "cursor", "rule", "confirmation", "connection")
MODERN = "2026-07-28"

Step = tuple[str, str, int, bool]
"""Who, what, which of the things seen so far, and whether it is on a connection of the protocol with a handshake."""


class World:
    """The stack, and everything that anybody has seen of it: ids and the like, whosever they are."""

    def __init__(self, stack: TeamStack, directory: Path) -> None:
        self.stack = stack
        self.directory = directory
        self.seen: dict[str, list[str]] = {kind: ["nothing"] for kind in KINDS}
        self.seen["connection"] = []
        self.stored: defaultdict[str, set[str]] = defaultdict(set)
        self.count = 0
        for user in ANIMALS:
            answer = stack.mcp(stack.token(user), "initialize", HANDSHAKE)
            self.seen["connection"].append(answer.headers["mcp-session-id"])
            (directory / user).mkdir()

    def any(self, kind: str, which: int) -> str:
        """One of those, anybody's."""
        return self.seen[kind][which % len(self.seen[kind])]

    def tool(self, step: Step, name: str, **arguments: Any) -> Any:
        """What the tool answered to the step's user, on anybody's connection or on none."""
        return self.mcp(step, "tools/call", {"name": name, "arguments": arguments}).get("structuredContent", {})

    def mcp(self, step: Step, method: str, params: dict[str, Any]) -> Any:
        """The result of one request, which is looked at for what is not its user's."""
        user, _, which, on_connection = step
        token = self.stack.token(user)
        if on_connection:
            answer = self.stack.mcp(token, method, params, self.any("connection", which))
        else:
            own = {"protocolVersion": MODERN, "clientInfo": HANDSHAKE["clientInfo"], "clientCapabilities": {}}
            meta = {f"io.modelcontextprotocol/{name}": value for name, value in own.items()}
            message = {"jsonrpc": "2.0", "id": 1, "method": method, "params": {**params, "_meta": meta}}
            headers = {"MCP-Protocol-Version": MODERN, "Mcp-Method": method}
            headers["Mcp-Name"] = params.get("name") or params["uri"]
            answer = self.stack.ask("POST", "/mcp", token, message, headers)
        self.look(user, answer)
        assert answer.status == 200, answer
        return answer.content.get("result", {})

    def http(self, user: str, method: str, path: str, body: Any = None) -> Answer:
        """The same for another route."""
        answer = self.stack.ask(method, path, self.stack.token(user), body)
        self.look(user, answer)
        return answer

    def owned(self, user: str) -> set[str]:
        """The ids of all that the user has."""
        ids, after = set[str](), "0"
        while after:
            page = self.http(user, "GET", f"/v1/memories?after={after}")
            ids |= {json.loads(line).get("id", "") for line in page.body.splitlines()}
            after = page.headers.get("segue-next", "")
        return ids

    def look(self, user: str, answer: Answer) -> None:
        """Nothing of anybody else's is in it."""
        text = answer.body.decode().lower()
        for other, animal in ANIMALS.items():
            assert other == user or animal not in text, f"{user} was shown what is {other}'s: {text[:2000]}"

    def keep(self, kind: str, *values: Any) -> None:
        """Something that anybody may name from now on."""
        self.seen[kind] += [value for value in values if isinstance(value, str) and value]


def store(world: World, step: Step) -> None:
    user, _, which, _ = step
    world.count += 1
    content = f"{ANIMALS[user]} number {world.count} eats lettuce on the terrace"
    tool, kind = (("store_reflection", "reflection_id"), ("store_conversation", "conversation_id"))[which % 2]
    stored = world.tool(step, tool, content=content, project=PROJECTS[which % len(PROJECTS)])
    world.keep("memory", stored[kind])
    world.stored[user].add(stored[kind])


def search(world: World, step: Step) -> None:
    _, _, which, _ = step
    project = PROJECTS[which % len(PROJECTS)]
    words = ("lettuce on the terrace", *ANIMALS.values())[which % 4]
    world.tool(step, "reflect_on_past", query=words, project=None if which % 3 else project)
    world.tool(step, "advanced_search", query=words, facets=True, session_id=world.any("session", which))
    found = world.tool(step, "quick_search", query=words)
    world.keep("cursor", found.get("cursor"))


def page(world: World, step: Step) -> None:
    _, _, which, _ = step
    world.tool(step, "get_more_results", cursor=world.any("cursor", which), limit=5)


def read(world: World, step: Step) -> None:
    _, _, which, _ = step
    world.tool(step, "get_memory", id=world.any("memory", which), neighbours=5)
    world.tool(step, "reflection_stats")


def delete(world: World, step: Step) -> None:
    """With ids of anybody's, and with a confirmation that anybody was given."""
    user, _, which, _ = step
    ids = [world.any("memory", which), world.any("memory", which + 1)]
    asked = world.tool(step, "delete_conversations", ids=ids)
    own = asked.get("confirmation_token", "")
    world.keep("confirmation", own)
    token = own if which % 2 else world.any("confirmation", which)
    done = world.tool(step, "delete_conversations", ids=ids, confirm=True, confirmation_token=token or "none")
    if done.get("deleted"):
        world.stored[user] -= set(ids)


def link(world: World, step: Step) -> None:
    user, _, _, _ = step
    world.tool(step, "link_projects", source_project="shop", target_project="tower", description=ANIMALS[user])
    world.tool(step, "list_project_links")
    world.tool(step, "list_projects")


def begin(world: World, step: Step) -> None:
    user, _, which, _ = step
    begun = world.tool(
        step,
        "init",
        working_directory=str(world.directory / user),
        session_id=world.any("session", which) if which % 3 == 0 else None,
    )
    world.keep("session", begun.get("session_id"))


def work(world: World, step: Step) -> None:
    user, _, which, _ = step
    session = world.any("session", which)
    world.tool(step, "checkpoint", session_id=session, note=f"the {ANIMALS[user]} was fed", commit=False)
    world.tool(step, "status", session_id=session, working_directory=str(world.directory / user))
    if which % 4 == 0:
        world.tool(step, "end", session_id=session, summary=f"the {ANIMALS[user]} is asleep")
    world.tool(step, "list_sessions", limit=100)


def permit(world: World, step: Step) -> None:
    user, _, which, _ = step
    made = world.tool(
        step, "record_permission", operation="Bash", target=f"feed {ANIMALS[user]}", decision="allow", scope="always"
    )
    world.keep("rule", made.get("rule", {}).get("id"))
    world.tool(step, "revoke_permission", rule_id=world.any("rule", which))
    world.tool(step, "permission_status")
    world.tool(
        step, "check_permission", operation="Bash", target=f"feed {ANIMALS['bob']}"[: 20 if user == "bob" else 4]
    )


def resource(world: World, step: Step) -> None:
    user, _, which, _ = step
    uris = [
        f"segue://memory/{quote(world.any('memory', which), safe='')}",
        f"segue://session/{quote(world.any('session', which), safe='')}",
        f"segue://handoff/{('ada', 'bob', 'eve')[which % 3]}",
        f"segue://quality/{PROJECTS[which % len(PROJECTS)]}",
    ]
    world.mcp(step, "resources/read", {"uri": uris[which % len(uris)]})
    world.mcp(step, "prompts/get", {"name": "search", "arguments": {"query": ANIMALS[user]}})
    world.tool(step, "quality_history", project=PROJECTS[which % len(PROJECTS)])


def export(world: World, step: Step) -> None:
    user, _, which, _ = step
    lines = world.http(user, "GET", f"/v1/memories?after={which}").body.splitlines()
    world.keep("memory", *(json.loads(line).get("id") for line in lines))
    world.http(user, "GET", "/v1/removals")
    world.http(user, "GET", "/metrics")
    world.http(user, "GET", "/v1/tokens")


def bring(world: World, step: Step) -> None:
    """An import, under an id that may be anybody's."""
    user, _, which, _ = step
    world.count += 1
    content = f"{ANIMALS[user]} number {world.count} was imported"
    line = {"content": content, "id": world.any("memory", which), "session_id": world.any("session", which)}
    world.http(user, "POST", "/v1/memories", json.dumps(line).encode())


STEPS = (store, search, page, read, delete, link, begin, work, permit, resource, export, bring)
steps = st.lists(
    st.tuples(
        st.sampled_from(sorted(ANIMALS)),
        st.sampled_from([step.__name__ for step in STEPS]),
        st.integers(0, 200),
        st.booleans(),
    ),
    min_size=10,
    max_size=25,
)


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory, model_directory: Path) -> Iterator[World]:
    directory = tmp_path_factory.mktemp("apart")
    with TeamStack(directory / "data", model_directory) as stack:
        yield World(stack, directory)


@pytest.mark.slow
@settings(
    max_examples=examples(24),
    deadline=None,
    phases=[Phase.generate],  # the world remembers: a shorter sequence would not be the same one
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)
@given(steps)
def test_no_sequence_of_calls_reads_or_takes_what_is_anothers(world: World, sequence: list[Step]) -> None:
    named = {step.__name__: step for step in STEPS}
    for step in sequence:
        named[step[1]](world, step)
    for user in ANIMALS:
        assert world.stored[user] <= world.owned(user), f"{user} lost memories"
