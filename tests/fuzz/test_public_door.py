"""A state machine on the whole public door: whatever is called, however it ends, what was promised is kept."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator
from functools import partial
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule, run_state_machine_as_test

from services.kit.redaction import without_private
from tests.fuzz import known
from tests.fuzz.bodies import MESSAGES, REFUSED_LINES, bodies
from tests.fuzz.budget import is_anew, tried
from tests.fuzz.door import Door, Server, Wrong
from tests.fuzz.known import is_known
from tests.fuzz.mutations import encoded, mutated, mutated_json, mutated_json_lines
from tests.fuzz.nasty import SOMEBODY_ID, endpoint_texts, tool_texts
from tests.fuzz.promises import Promise, comparable
from tests.fuzz.schemas import arguments, valid
from tests.repositories import RepositoryOnDisk

WRITERS = ("ada", "bob")
STRANGER = "cy"
names = ("plain", "ümlaut 日本", "a:b*%[x]", "it's", "../up", "x" * 150)
padded = (" led", "trailed\t")
times = (None, "2026-03-01T09:30:00+01:00", "1970-01-01T00:00:00+00:00", "2026-02-28T23:59:59.999999-11:00")
_numbers = count(1)
_letters = "bcdfghjkmpqtvwxz"


class PublicDoor(RuleBasedStateMachine):
    """What two users store, find, share, delete and lose; a third one sends whatever there is."""

    def __init__(self, server: Server) -> None:
        super().__init__()
        self.server = server
        self.number = next(_numbers)
        self.projects: list[str] = []
        self.alive: dict[str, Promise] = {}
        self.dead: dict[str, Promise] = {}
        self.restarts_left = 0
        self._doors: dict[str, Door] = {}

    def door(self, user: str) -> Door:
        if user not in self._doors:
            self._doors[user] = self.server.door(user)
        return self._doors[user]

    @initialize(restarts=st.sampled_from((0, 1, 2, 3) if is_anew() else (0, 0, 1)))
    def begin(self, restarts: int) -> None:
        self.restarts_left = restarts
        some = names if is_known(known.OUTER_SPACE_IN_NAMES) else (*names, *padded)
        self.projects = [f"{name}-{self.number}" if name not in padded else f" {name}{self.number} " for name in some]

    # --- storing -------------------------------------------------------------------------------

    @rule(data=st.data(), user=st.sampled_from(WRITERS))
    def store(self, data: st.DataObject, user: str) -> None:
        """A tool stores a text of one's own making, perhaps an odd one; what is acknowledged is promised."""
        project, kind = (
            data.draw(st.sampled_from(self.projects)),
            data.draw(st.sampled_from(("conversation", "reflection"))),
        )
        word, content = self._text(data)
        fields: dict[str, Any] = {"content": content, "project": project}
        if kind == "reflection":
            fields["tags"] = data.draw(st.lists(st.sampled_from(("red", "Red", "größe", "a b", "")), max_size=3))
        elif (time := data.draw(st.sampled_from(times))) is not None:
            fields |= {"timestamp": time, "session_id": data.draw(st.sampled_from(("s1", "s:2", "s 3")))}
        if data.draw(st.integers(0, 4)) == 0:
            fields["shared"] = True
        answer = self.door(user).call(f"store_{kind}", fields)
        was_late = "DEADLINE_EXCEEDED" in answer.error  # on a busy machine, where it may have been stored all the same
        if was_late:
            answer = self.door(user).call(f"store_{kind}", fields)
        if answer.error:
            if "\ud800" <= max(content) <= "\udfff" or len(content.encode("utf-8", "replace")) > 256 * 1024:
                return
            raise Wrong(f"not stored: {answer.error[:300]} for {fields!r:.1000}")
        stored = answer.content
        if stored["duplicate"] and not was_late:
            raise Wrong(f"never said before, and called a duplicate: {fields!r:.1000}")
        whole = stored["redactions"] == 0 and "<private" not in content
        name = stored[f"{kind}_id"]
        self.alive[name] = Promise(
            name, user, project.strip(), kind, word, content if whole else None, "shared" in fields
        )

    @rule(data=st.data(), user=st.sampled_from(WRITERS), size=st.integers(1, 12))
    def import_batch(self, data: st.DataObject, user: str, size: int) -> None:
        """A batch over HTTP, with ids of one's own, sent twice, between lines that say nothing."""
        project = data.draw(st.sampled_from(self.projects))
        promised = []
        for _ in range(size):
            word, content = self._text(data)
            name = str(uuid.UUID(int=uuid.uuid5(uuid.NAMESPACE_URL, f"{word}{user}").int))
            promised.append(Promise(name, user, project.strip(), "conversation", word, content))
        lines = [encoded({"id": each.id, "content": each.content, "project": project}) for each in promised]
        broken = st.sampled_from(
            (b"", b"null", b"{", b"[]", b"{}", b'{"content": 1}', b"\xff\xfe", b'{"content": "x", "tags": 1}')
        )
        if not is_known(known.BAD_LINE_IN_BATCH):
            broken |= st.sampled_from(REFUSED_LINES)
        some_broken = data.draw(st.lists(broken, max_size=3))
        for attempt in range(2):
            status, answer = self.door(user).endpoint("POST", "/v1/memories", b"\n".join([*some_broken, *lines]))
            counts = json.loads(answer) if status == 200 else {}
            if status != 200 or counts["stored" if not attempt else "duplicates"] != size:
                raise Wrong(f"a batch of {size}: {status} {answer!r:.500}, attempt {attempt + 1}: {lines!r:.1000}")
        for each in promised:
            each.content = None  # what of it redaction took out is not said
            self.alive[each.id] = each

    def _text(self, data: st.DataObject) -> tuple[str, str]:
        """A rare word, and a text that has it where others may read it."""
        serial = next(_numbers)
        word = "zq" + "".join(_letters[serial >> shift & 15] for shift in (16, 12, 8, 4, 0))
        most = 200_000
        odd = data.draw(st.sampled_from([text for text in tool_texts() if len(text) < most]))
        beside = data.draw(st.sampled_from(("The lantern of the orchard", "Retry of queue 7", "")))
        forms = [f"{word} {beside} {odd}", f"{beside} {word}", f"{word}\n{odd}\n{odd}"]
        if not is_known(known.END_OF_LONG_TEXTS):
            forms += [f"{odd} {word}", f"{'word ' * 30_000}{word}"]
        return word, data.draw(st.sampled_from([form for form in forms if word in without_private(form)[0]]))

    # --- finding -------------------------------------------------------------------------------

    @precondition(lambda self: self.alive)
    @rule(data=st.data())
    def look(self, data: st.DataObject) -> None:
        """What was acknowledged is found, by its id and by its word."""
        self._expect_found(self._some_alive(data, 1)[0], data.draw(st.booleans()))

    def _some_alive(self, data: st.DataObject, size: int) -> list[Promise]:
        """Drawn by their place, for ids are others at each run."""
        places = data.draw(st.lists(st.integers(0, 1000), min_size=size, max_size=size))
        every = list(self.alive.values())
        return list({every[place % len(every)].id: every[place % len(every)] for place in places}.values())

    def _expect_found(self, promise: Promise, everywhere: bool) -> None:
        door = self.door(promise.owner)
        memory = door.whole_memory(promise.id)
        if promise.content is not None and comparable(memory["content"]) != comparable(promise.content):
            raise Wrong(f"stored {promise.content!r:.500}, kept {memory['content']!r:.500}")
        if (
            memory["project"] != promise.project
            or memory["kind"] != promise.kind
            or memory.get("shared", False) != promise.shared
        ):
            raise Wrong(f"{promise} became {memory!r:.500}")
        if promise.word not in memory["content"]:  # within what is private
            return
        said = next(name for name in self.projects if name.strip() == promise.project)
        where = {} if everywhere else {"project": said}
        found = door.succeed("reflect_on_past", query=promise.word, limit=50, **where)["results"]
        if promise.id not in [each["id"] for each in found]:
            raise Wrong(f"not found by {promise.word!r}: {promise!r:.1000}, but {[each['id'] for each in found]}")

    @precondition(lambda self: self.alive)
    @rule(data=st.data())
    def reach_for_anothers(self, data: st.DataObject) -> None:
        """What is not shared stays its owner's: neither read, nor found, nor shared, nor deleted by another."""
        promise = self._some_alive(data, 1)[0]
        other = self.door("bob" if promise.owner == "ada" else "ada")
        answer = other.call("get_memory", {"id": promise.id})
        if promise.shared == bool(answer.error):
            raise Wrong(f"{promise!r:.500} for another: {answer!r:.500}")
        found = other.succeed("reflect_on_past", query=promise.word, limit=50)["results"]
        if not promise.shared and promise.id in [each["id"] for each in found]:
            raise Wrong(f"another found {promise!r:.500}")
        if not other.call("share_memory", {"id": promise.id, "shared": True}).error:
            raise Wrong(f"another shared {promise!r:.500}")
        if other.succeed("delete_conversations", ids=[promise.id])["would_delete"]:
            raise Wrong(f"another may delete {promise!r:.500}")

    @precondition(lambda self: self.alive)
    @rule(data=st.data(), shared=st.booleans())
    def share(self, data: st.DataObject, shared: bool) -> None:
        promise = self._some_alive(data, 1)[0]
        self.door(promise.owner).succeed("share_memory", id=promise.id, shared=shared)
        promise.shared = shared

    @rule(data=st.data(), user=st.sampled_from(WRITERS))
    def count_stored(self, data: st.DataObject, user: str) -> None:
        """`reflection_stats` agrees with what was acknowledged."""
        project = data.draw(st.sampled_from(self.projects)).strip()
        seen = [each for each in self.alive.values() if each.project == project and (each.owner == user or each.shared)]
        stats = self.door(user).succeed("reflection_stats", project=project)
        for kind in ("conversation", "reflection"):
            expected = sum(each.kind == kind for each in seen)
            if stats[f"total_{kind}s"] != expected:
                raise Wrong(f"{expected} {kind}s of {user} in {project!r}, and {stats!r:.500}")

    @rule(user=st.sampled_from(WRITERS))
    def export(self, user: str) -> None:
        """An export has all that is the user's, once, and nothing that was deleted."""
        exported = [
            each for each in self._exported(user) if each.get("project") in {name.strip() for name in self.projects}
        ]
        found = sorted(each["id"] for each in exported)
        expected = sorted(each.id for each in self.alive.values() if each.owner == user)
        if found != expected:
            raise Wrong(f"exported {set(found) ^ set(expected)} too much or too little of {len(expected)}")

    def _exported(self, user: str) -> Iterator[dict[str, Any]]:
        door, after = self.door(user), "0"
        while after:
            status, headers, body = door.get(f"/v1/memories?after={after}&limit=50")
            if status != 200:
                raise Wrong(f"an export: {status} {body[:300]!r}")
            yield from (json.loads(line) for line in body.decode().split("\n") if line)
            after = headers.get("segue-next", "")

    # --- deleting ------------------------------------------------------------------------------

    @precondition(lambda self: self.alive)
    @rule(data=st.data())
    def delete(self, data: st.DataObject) -> None:
        """What was deleted is found no more; what is another's or unknown does not count."""
        some = [each.id for each in self._some_alive(data, data.draw(st.integers(1, 3)))]
        owner = self.alive[some[0]].owner
        own = [name for name in some if self.alive[name].owner == owner]
        self._delete(owner, own, ids=[*some, *data.draw(st.sampled_from(([], [SOMEBODY_ID], ["no id"])))])
        for name in own:
            self._expect_gone(self.dead[name])

    def _delete(self, owner: str, own: list[str], **chosen: Any) -> None:
        door = self.door(owner)
        if "ids" not in chosen:
            chosen["include_reflections"] = True
        asked = door.succeed("delete_conversations", **chosen)
        if asked["would_delete"] != len(own):
            raise Wrong(f"{len(own)} are meant, and {asked} by {chosen!r:.500}")
        if own:
            confirmed = {"confirm": True, "confirmation_token": asked["confirmation_token"]}
            deleted = door.succeed("delete_conversations", **chosen, **confirmed)["deleted"]
            if deleted != len(own):
                raise Wrong(f"{len(own)} are meant, and {deleted} were deleted")
        for name in own:
            self.dead[name] = self.alive.pop(name)

    def _expect_gone(self, promise: Promise) -> None:
        door = self.door(promise.owner)
        if door.call("get_memory", {"id": promise.id}).code != "NOT_FOUND":
            raise Wrong(f"deleted, and still there: {promise!r:.500}")
        for tool, name in (
            ("reflect_on_past", "query"),
            ("advanced_search", "query"),
            ("search_by_concept", "concept"),
        ):
            found = door.succeed(tool, **{name: promise.word, "limit": 50})["results"]
            if promise.id in [each["id"] for each in found]:
                raise Wrong(f"deleted, and found by {tool}: {promise!r:.500}")

    # --- whatever there is ---------------------------------------------------------------------

    @rule(data=st.data())
    def call_any_tool(self, data: st.DataObject) -> None:
        """Any tool with any arguments answers, or says what is wrong."""
        tool = data.draw(st.sampled_from(sorted(TOOLS)))
        given = data.draw(arguments(TOOLS[tool], self._places()))
        answer = self.door(STRANGER).call(tool, given)
        if answer.is_refused:
            raise Wrong(f"refused by the protocol: {answer.error[:300]} for {tool} {given!r:.1000}")

    def _places(self) -> dict[str, st.SearchStrategy[Any]]:
        work = self.server.workspace
        there = (str(work / "shop"), str(work / "shop" / "src"), str(work / "empty"))
        odd = (
            "",
            "shop",
            str(work),
            str(work / "missing"),
            str(work / "shop" / "a.py"),
            "/proc/self/mem",
            "a\0b",
            "x" * 5000,
        )
        every = [*list(self.alive)[:3], SOMEBODY_ID, "", "x"]
        strangers = st.integers(0, 5).map(lambda place: every[place % len(every)])
        return {
            "working_directory": st.sampled_from((*there, *there, *odd)),
            "run_tools": st.just(False),
            "id": strangers | st.sampled_from(tool_texts()),
        }

    @precondition(lambda _: not is_known(known.NULLS))
    @rule(data=st.data())
    def leave_out_by_null(self, data: st.DataObject) -> None:
        """null for an argument that may be left out is as if it were."""
        tool = data.draw(st.sampled_from(sorted(name for name in TOOLS if TOOLS[name].get("properties"))))
        schema, places = TOOLS[tool], self._places()
        needed = {
            name: data.draw(places.get(name, valid(schema["properties"][name]))) for name in schema.get("required", ())
        }
        name = data.draw(st.sampled_from(sorted(schema["properties"])))
        door = self.door(STRANGER)
        if name in needed or door.call(tool, needed).error or not door.call(tool, {**needed, name: None}).error:
            return
        if not door.call(tool, needed).error:  # else the first one changed what is there: `end` ends a session
            raise Wrong(f"{tool} refuses null for {name}, which may be left out")

    @rule(message=mutated_json(MESSAGES).map(encoded) | mutated([encoded(each) for each in MESSAGES]))
    def send_any_message(self, message: bytes) -> None:
        """Whatever comes to the protocol's own address is answered or refused."""
        if b"\\ud" in message and is_known(known.SURROGATES_IN_TOOLS):
            return
        status, answer = self.door(STRANGER).send("POST", "/mcp", message)
        if status >= 500 or b"INTERNAL" in answer or b"Traceback" in answer:
            raise Wrong(f"HTTP {status} {answer[:500]!r} for {message!r:.2000}")

    @rule(data=st.data())
    def post_anything(self, data: st.DataObject) -> None:
        """Any body to any endpoint of our own is answered, never by 500."""
        samples = bodies(str(self.server.workspace / "shop"))
        path = data.draw(st.sampled_from(sorted(samples)))
        if path == "/v1/memories":
            body = data.draw(mutated_json_lines([samples[path]]))
        else:
            body = encoded(data.draw(mutated_json(samples[path])))
        door = self.door("ada" if path.startswith(("/v1/tokens", "/v1/backup")) else STRANGER)
        if is_known(known.MALFORMED_BODIES) and not path.startswith("/v1/hooks"):
            door.send("POST", path, body)  # it answers
        else:
            door.endpoint("POST", path, body)

    @rule(data=st.data())
    def get_anything(self, data: st.DataObject) -> None:
        """Any question to an endpoint that answers one."""
        from urllib.parse import quote

        path = data.draw(
            st.sampled_from(("/v1/memories", "/v1/removals", "/v1/retention", "/v1/overview", "/v1/tokens"))
        )
        name = data.draw(st.sampled_from(("after", "limit", "project", "x")))
        text = data.draw(
            st.sampled_from([each for each in endpoint_texts() if len(each) < 2000]) | st.integers(-3, 2**65).map(str)
        )
        self.door("ada").endpoint("GET", f"{path}?{name}={quote(text, errors='replace')}")

    # --- ends and beginnings -------------------------------------------------------------------

    @precondition(lambda self: self.restarts_left > 0 and self.alive)
    @rule(killed=st.booleans())
    def start_again(self, killed: bool) -> None:
        """Ended as its user would or killed, it starts again, and all that was promised is there."""
        self.restarts_left -= 1
        self._close()
        if killed:
            self.server.kill()
        else:
            self.server.restart()
        self.door("ada").settle()
        for promise in list(self.alive.values())[-20:]:
            self._expect_found(promise, everywhere=False)
        for promise in list(self.dead.values())[-5:]:
            self._expect_gone(promise)

    def teardown(self) -> None:
        """It lives; and each project is deleted whole."""
        try:
            if self.door("ada").send("GET", "/health")[0] != 200:
                raise Wrong("it is not healthy")
            for user in WRITERS:
                for project in sorted({each.project for each in self.alive.values() if each.owner == user}):
                    own = [each.id for each in self.alive.values() if each.owner == user and each.project == project]
                    self._delete(user, own, project=project)
        finally:
            self._close()

    def _close(self) -> None:
        for door in self._doors.values():
            door.close()
        self._doors = {}


TOOLS: dict[str, Any] = {}
"""The input schema of each, as the server says."""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, model_directory: Path) -> Iterator[Server]:
    directory = tmp_path_factory.mktemp("door")
    made = Server(directory, model_directory)
    shop = RepositoryOnDisk(made.workspace / "shop")
    shop.git("config", "user.name", "Ada")
    shop.git("config", "user.email", "ada@example.org")
    shop.commit(a__py="x = 1\n")
    (made.workspace / "empty").mkdir()
    with made:
        yield made


@pytest.mark.slow
def test_whatever_is_called_the_server_keeps_what_it_promised(server: Server) -> None:
    TOOLS.update({tool["name"]: tool["inputSchema"] for tool in server.door("ada").tools()})
    assert TOOLS
    run_state_machine_as_test(partial(PublicDoor, server), settings=tried(12, steps=40))  # type: ignore[arg-type]  # a factory does
