"""Where a client works: by its roots and by what Claude Code names, before the bridge's own directory."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from services.cli.bridge.directories import CAPABILITIES_META, QUESTIONS_MAX, Directories

Message = dict[str, Any]


class Client:
    """Answers for its roots when it is asked, unless it is silent."""

    def __init__(self, *roots: str, silent: bool = False) -> None:
        self.roots, self.silent = list(roots), silent
        self.asked: list[Message] = []
        self.directories = Directories(self.ask)

    def ask(self, request: Message) -> None:
        self.asked.append(request)
        if not self.silent:
            answer = {"id": request["id"], "result": {"roots": [{"uri": each} for each in self.roots]}}
            assert self.directories.takes_answer(answer)

    def shake_hands(self, **capabilities: Any) -> Directories:
        self.directories.begin({"method": "initialize", "params": {"capabilities": capabilities}})
        self.directories.notice("notifications/initialized")
        return self.directories


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in ("home", "work/shop/src", "work/bank"):
        (tmp_path / name).mkdir(parents=True)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.delenv("CLAUDE_PROJECT_DIR", raising=False)
    monkeypatch.chdir(tmp_path / "home")
    return tmp_path / "home"


@pytest.fixture
def work(tmp_path: Path) -> Path:
    return tmp_path / "work"


def test_a_client_without_roots_works_in_the_own_directory_unless_that_is_no_project(
    work: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = Client()
    directories = client.shake_hands(sampling={})
    assert (client.asked, directories.current()) == ([], "")
    monkeypatch.chdir("/")
    assert directories.current() == ""
    monkeypatch.chdir(work / "shop")
    assert directories.current() == str(work / "shop")


def test_the_first_root_is_meant_unless_the_own_directory_is_in_one(
    work: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = Client("http://x/y", (work / "gone").as_uri(), (work / "shop").as_uri(), (work / "bank").as_uri())
    directories = client.shake_hands(roots={"listChanged": True})
    assert directories.current() == str(work / "shop")
    monkeypatch.chdir(work / "shop/src")
    assert directories.current() == str(work / "shop/src")
    monkeypatch.chdir(work)
    assert directories.current() == str(work / "shop")


def test_roots_that_change_are_asked_for_again(work: Path) -> None:
    client = Client((work / "shop").as_uri())
    directories = client.shake_hands(roots={})
    client.roots = [(work / "bank").as_uri()]
    directories.notice("notifications/roots/list_changed")
    assert len({each["id"] for each in client.asked}) == 2
    assert directories.current() == str(work / "bank")
    assert directories.takes_answer({"id": client.asked[0]["id"], "result": {"roots": []}})
    assert directories.current() == str(work / "bank")
    assert not directories.takes_answer({"id": 7, "result": {}})


def test_what_claude_code_names_is_asked_first(work: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CLAUDE_PROJECT_DIR", str(work / "bank"))
    assert Client((work / "shop").as_uri()).shake_hands(roots={}).current() == str(work / "bank")
    monkeypatch.setenv("CLAUDE_PROJECT_DIR", str(work / "gone"))
    assert Client((work / "shop").as_uri()).shake_hands(roots={}).current() == str(work / "shop")


@pytest.mark.parametrize(
    "result",
    [None, [], {"roots": None}, {"roots": [None, {}, {"uri": 1}, {"uri": "file://[x"}, {"uri": "file:///%00"}]}],
)
def test_an_answer_that_is_none_says_nothing(result: object) -> None:
    client = Client(silent=True)
    directories = client.shake_hands(roots={})
    assert directories.takes_answer({"id": client.asked[0]["id"], "result": result})
    assert directories.current() == ""


def test_without_a_handshake_a_call_is_answered_with_the_question_and_comes_again(work: Path) -> None:
    directories = Directories(lambda _: pytest.fail("nothing is asked beside calls"))
    meta: Message = {CAPABILITIES_META: {"roots": {}}}
    call: Message = {"id": 3, "method": "tools/call", "params": {"name": "init", "_meta": meta}}
    assert directories.question({**call, "method": "tools/list"}) is None
    question = directories.question(call)
    assert question
    assert (question["id"], question["result"]["resultType"]) == (3, "input_required")
    (name,) = question["result"]["inputRequests"]
    answer = {name: {"roots": [{"uri": (work / "shop").as_uri()}]}}
    again = {**call, "params": {**call["params"], "inputResponses": answer}}
    assert directories.without_answer(again) == call
    assert directories.question(call) is None
    assert directories.current() == str(work / "shop")


def test_a_client_that_never_answers_is_served() -> None:
    directories = Directories(lambda _: None)
    call: Message = {"id": 3, "method": "tools/call", "params": {"_meta": {CAPABILITIES_META: {"roots": {}}}}}
    assert [directories.question(call) is None for _ in range(QUESTIONS_MAX + 1)] == [False] * QUESTIONS_MAX + [True]
    assert directories.without_answer(call) is call
