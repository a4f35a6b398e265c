"""Only a person widens what may be done: what a model asks for waits, and holds nothing."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.hooked import Hooked
from tests.integration.calls import call, refused
from tests.integration.person import decide, segue
from tests.integration.stack import ProcessStack

MAKE = {"operation": "Bash", "target": "make pears", "decision": "allow", "scope": "project"}
RECORD = "mcp__segue__record_permission"
REVOKE = "mcp__plugin_segue_segue__revoke_permission"


@pytest.fixture(scope="module")
def here(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ProcessStack]:
    with ProcessStack(tmp_path_factory.mktemp("deciding")) as stack:
        yield stack


@pytest.fixture
def hooked(here: ProcessStack, tmp_path: Path, project: str) -> Hooked:
    client = Hooked(tmp_path, project, **here.environment)
    client.begin()
    return client


def decision(hooked: Hooked, command: str, **fields: Any) -> str:
    said = hooked.said("PreToolUse", tool_name="Bash", tool_input={"command": command}, **fields)
    return str(said.get("permissionDecision"))


async def check(here: ProcessStack, hooked: Hooked, command: str) -> str:
    asked = {"operation": "Bash", "target": command, "working_directory": str(hooked.project)}
    return str((await call(here, "check_permission", **asked))["decision"])


async def propose(here: ProcessStack, hooked: Hooked, **fields: Any) -> dict[str, Any]:
    return await call(here, "record_permission", working_directory=str(hooked.project), **{**MAKE, **fields})


@pytest.mark.slow
async def test_an_allow_by_a_tool_is_proposed_and_holds_once_the_user_permits_it(
    here: ProcessStack, hooked: Hooked
) -> None:
    proposed = await propose(here, hooked)
    assert proposed["status"] == "proposed"
    assert proposed["rule"]["id"] in proposed["how_to_decide"]
    assert (await check(here, hooked, "make pears"), decision(hooked, "make pears")) == ("ask", "None")
    waiting = (await call(here, "permission_status"))["proposals"]
    assert [each["rule"]["pattern"] for each in waiting if each["id"] == proposed["rule"]["id"]] == ["make pears"]
    shown = segue("permissions", environment=hooked.environment, cwd=hooked.project)
    assert f"segue permit {proposed['rule']['id']}" in shown.stdout
    permitted = segue("permit", proposed["rule"]["id"], environment=hooked.environment, cwd=hooked.project)
    assert permitted.returncode == 0, permitted.stderr
    assert permitted.stdout.startswith("Holds now: ")
    assert (await check(here, hooked, "make pears"), decision(hooked, "make pears")) == ("allow", "allow")
    assert (await propose(here, hooked))["status"] == "recorded"  # it holds already


async def test_a_declined_proposal_is_gone(here: ProcessStack, hooked: Hooked) -> None:
    rule = (await propose(here, hooked))["rule"]
    declined = segue("deny", rule["id"], environment=hooked.environment, cwd=hooked.project)
    assert declined.stdout.startswith("Declined: "), declined.stderr
    assert decide(here.url, "permit", id=rule["id"])["error_code"] == "NOT_FOUND"
    assert await check(here, hooked, "make pears") == "ask"


async def test_a_deny_by_a_tool_holds_and_is_taken_back_by_the_user_alone(here: ProcessStack, hooked: Hooked) -> None:
    rule = (await propose(here, hooked, decision="deny"))["rule"]
    assert await check(here, hooked, "make pears") == "deny"
    answers = [
        await call(here, "revoke_permission", rule_id=rule["id"]),
        await call(here, "revoke_permission", all=True),
    ]
    assert [each["rule"]["id"] for each in answers[0]["proposed"]] == [rule["id"]]
    assert answers[0]["revoked"] == 0
    assert await check(here, hooked, "make pears") == "deny"
    assert decision(hooked, "make pears", permission_mode="bypassPermissions") == "deny"
    revoked = segue("revoke", rule["id"], environment=hooked.environment, cwd=hooked.project)
    assert revoked.stdout == "1 rule taken back.\n", revoked.stderr
    assert await check(here, hooked, "make pears") == "ask"


async def test_who_is_held_back_is_told_which_rule_the_user_would_take_back(here: ProcessStack, hooked: Hooked) -> None:
    rule = (await propose(here, hooked, decision="deny"))["rule"]
    said = hooked.said("PreToolUse", tool_name="Bash", tool_input={"command": "make pears"})
    way_back = f"segue revoke {rule['id']}"
    assert said["permissionDecisionReason"].endswith(f"The user takes the rule back: {way_back}")


async def test_an_allow_is_taken_back_by_a_tool(here: ProcessStack, hooked: Hooked) -> None:
    fields = {**MAKE, "directory": str(hooked.project)}
    rule = decide(here.url, "permit", **fields)["rule"]
    assert await check(here, hooked, "make pears") == "allow"
    assert (await call(here, "revoke_permission", rule_id=rule["id"]))["revoked"] == 1
    assert await check(here, hooked, "make pears") == "ask"


@pytest.mark.slow
async def test_with_two_sessions_a_rule_is_for_the_directory_that_is_named(
    here: ProcessStack, hooked: Hooked, tmp_path: Path
) -> None:
    other = Hooked(tmp_path, f"{hooked.project.name}-other", **hooked.environment)
    other.environment["CLAUDE_PROJECT_DIR"] = str(other.project)
    other.begin()
    assert await refused(here, "record_permission", **{**MAKE, "decision": "deny"}) == "INVALID_INPUT"
    await propose(here, other, decision="deny")
    assert [await check(here, each, "make pears") for each in (hooked, other)] == ["ask", "deny"]


async def test_a_rule_of_a_session_ends_with_it(here: ProcessStack, hooked: Hooked) -> None:
    await call(here, "init", working_directory=str(hooked.project))
    fields = {**MAKE, "scope": "session", "directory": str(hooked.project)}
    assert decide(here.url, "permit", **fields)["status"] == "recorded"
    assert (await check(here, hooked, "make pears"), decision(hooked, "make pears")) == ("allow", "allow")
    hooked.hook("SessionEnd")
    hooked.settle()
    assert (await check(here, hooked, "make pears"), decision(hooked, "make pears")) == ("ask", "None")


@pytest.mark.parametrize("arguments", [("permit", "Bash", "make pears"), ("revoke", "all")])
async def test_what_widens_takes_a_terminal(here: ProcessStack, hooked: Hooked, arguments: tuple[str, ...]) -> None:
    await propose(here, hooked, decision="deny", target="make plums")
    done = segue(*arguments, environment=hooked.environment, cwd=hooked.project, terminal=False)
    assert done.returncode == 2
    assert "only a person" in done.stderr
    assert [await check(here, hooked, each) for each in ("make pears", "make plums")] == ["ask", "deny"]


async def test_only_who_types_the_number_that_is_shown_widens_anything(here: ProcessStack, hooked: Hooked) -> None:
    for environment, agrees, code in (
        (hooked.environment, False, 1),
        ({**hooked.environment, "CLAUDECODE": "1"}, True, 2),  # a shell of an agent, in a terminal that it made
    ):
        done = segue("permit", "Bash", "make pears", environment=environment, cwd=hooked.project, agrees=agrees)
        assert (done.returncode, done.stdout) == (code, ""), done.stderr
    assert await check(here, hooked, "make pears") == "ask"


@pytest.mark.parametrize("mode", ["default", "acceptEdits", "bypassPermissions", "dontAsk"])
async def test_the_client_is_made_to_ask_about_what_would_widen(hooked: Hooked, mode: str) -> None:
    asked = {tool: {"tool_name": tool, "permission_mode": mode} for tool in (RECORD, REVOKE)}
    assert hooked.said("PreToolUse", **asked[RECORD], tool_input=MAKE)["permissionDecision"] == "ask"
    assert hooked.said("PreToolUse", **asked[REVOKE], tool_input={"all": True})["permissionDecision"] == "ask"
    narrowing = hooked.said("PreToolUse", **asked[RECORD], tool_input={**MAKE, "decision": "deny"})
    assert narrowing == {}


def run_after_dialog(hooked: Hooked, answer: object, is_shown: bool = True, **fields: Any) -> None:
    """The client shows a dialog about the call, its user lets it, and the tool answers."""
    told = {"tool_name": RECORD, "tool_input": MAKE, "permission_mode": "default", "prompt_id": "1", **fields}
    if is_shown:
        hooked.hook("PreToolUse", **told)
        hooked.hook("PermissionRequest", **told)
    hooked.hook("PostToolUse", **told, tool_response=answer)
    hooked.settle()


@pytest.mark.slow
@pytest.mark.parametrize("as_text", [True, False], ids=["a text", "an object"])
async def test_a_proposal_that_the_user_let_pass_in_the_clients_dialog_holds(
    here: ProcessStack, hooked: Hooked, as_text: bool
) -> None:
    made = await propose(here, hooked)
    answer = json.dumps(made) if as_text else made
    run_after_dialog(hooked, answer, is_shown=False)  # it ran without a dialog
    assert await check(here, hooked, "make pears") == "ask"
    run_after_dialog(hooked, answer)
    assert await check(here, hooked, "make pears") == "allow"
    run_after_dialog(hooked, answer)  # told again
    assert await check(here, hooked, "make pears") == "allow"


@pytest.mark.slow
async def test_a_dialog_decides_on_what_it_showed_and_on_nothing_else(here: ProcessStack, hooked: Hooked) -> None:
    wide = await propose(here, hooked, target="make *")
    exact = await propose(here, hooked, target="make *", exact=True)
    session = await propose(here, hooked, scope="session")
    forged: list[tuple[object, dict[str, Any]]] = [
        (wide, MAKE),
        (exact, {**MAKE, "target": "make *"}),
        (wide, {**MAKE, "target": "make *", "exact": True}),
        (session, MAKE),
        ({"status": "recorded", "rule": wide["rule"]}, {**MAKE, "target": "make *"}),
        ({"proposed": [wide["rule"]]}, {}),
        ({"proposed": [wide["rule"]]}, {"all": True}),
        (f"segue permit {wide['rule']['id']}", {**MAKE, "target": "make *"}),
        ({"status": "proposed", "rule": {"id": [wide["rule"]["id"]]}}, {**MAKE, "target": "make *"}),
        ({"status": "proposed", "rule": None, "proposed": "x"}, {**MAKE, "target": "make *"}),
        ([wide], {**MAKE, "target": "make *"}),
    ]
    for answer, shown in forged:
        run_after_dialog(hooked, answer, tool_input=shown)
        assert [await check(here, hooked, each) for each in ("make pears", "make plums", "make *")] == ["ask"] * 3
    run_after_dialog(hooked, wide, tool_input={**MAKE, "target": "make *"})
    assert await check(here, hooked, "make plums") == "allow"


@pytest.mark.slow
async def test_that_a_deny_goes_is_decided_in_the_dialog_that_was_about_it(here: ProcessStack, hooked: Hooked) -> None:
    first, second = [
        (await propose(here, hooked, decision="deny", target=target))["rule"]["id"] for target in ("make a", "make b")
    ]
    answers = [await call(here, "revoke_permission", rule_id=each) for each in (first, second)]
    told: dict[str, Any] = {"tool_name": REVOKE, "tool_input": {"rule_id": first}}
    run_after_dialog(hooked, answers[1], **told)
    run_after_dialog(hooked, answers[0], **{**told, "tool_input": {}})
    assert [await check(here, hooked, each) for each in ("make a", "make b")] == ["deny", "deny"]
    run_after_dialog(hooked, answers[0], **told)
    assert [await check(here, hooked, each) for each in ("make a", "make b")] == ["ask", "deny"]
    again = await call(here, "revoke_permission", all=True)
    run_after_dialog(hooked, again, **{**told, "tool_input": {"all": True}})
    assert await check(here, hooked, "make b") == "ask"


@pytest.mark.parametrize("target", ["*", None, "git *"])
async def test_a_tool_proposes_no_wildcard_for_everywhere(here: ProcessStack, target: str | None) -> None:
    proposed = {"operation": "Bash", "decision": "allow", "scope": "always", "target": target}
    assert await refused(here, "record_permission", **proposed) == "INVALID_INPUT"


async def test_an_exact_allow_of_what_is_critical_is_honoured(here: ProcessStack, hooked: Hooked) -> None:
    fields = {"operation": "Bash", "target": "rm -rf build", "directory": str(hooked.project)}
    assert decision(hooked, "rm -rf build") == "ask"
    assert decide(here.url, "permit", **fields)["status"] == "recorded"
    assert decision(hooked, "rm -rf build") == "allow"
    assert decision(hooked, "rm -rf build src") == "ask"


async def test_where_the_user_turned_dialogs_off_only_denies_hold(here: ProcessStack, hooked: Hooked) -> None:
    await propose(here, hooked, decision="deny", target="make plums")
    for mode in ("bypassPermissions", "dontAsk"):
        assert decision(hooked, "rm -rf build", permission_mode=mode) == "None"
        assert decision(hooked, "make plums", permission_mode=mode) == "deny"


async def test_a_deny_of_a_file_holds_behind_a_link_and_for_every_tool(here: ProcessStack, hooked: Hooked) -> None:
    (hooked.project / ".env").write_text("PEARS=7")
    (hooked.project / "link").symlink_to(".env")
    for operation in ("Read", "Edit"):
        await propose(here, hooked, operation=operation, decision="deny", target=".env")
    for tool, name in (("Read", ".env"), ("Read", "link"), ("Write", ".env"), ("Write", "link"), ("MultiEdit", ".env")):
        said = hooked.said("PreToolUse", tool_name=tool, tool_input={"file_path": str(hooked.project / name)})
        assert said["permissionDecision"] == "deny", (tool, name)
    assert hooked.said("PreToolUse", tool_name="Read", tool_input={"file_path": str(hooked.project / "a")}) == {}


async def test_a_rule_that_may_never_match_is_warned_of(here: ProcessStack, hooked: Hooked) -> None:
    answer = await propose(here, hooked, operation="Bsh", decision="deny")
    assert answer["warnings"] == ["No operation bsh is known, so it may never match. Did you mean bash?"]
    assert (await propose(here, hooked, operation="Bash(git push:*)", target=None, decision="deny"))["warnings"] == []
    assert await check(here, hooked, "git -C . push") == "deny"


def test_what_a_rule_says_of_a_command_can_be_tried(hooked: Hooked) -> None:
    denied = segue("deny", "Bash", "git push *", environment=hooked.environment, cwd=hooked.project, terminal=False)
    assert denied.returncode == 0, denied.stderr
    tried = segue("permissions", "test", "git -C . push", environment=hooked.environment, cwd=hooked.project)
    assert tried.stdout.startswith("deny (high): your rule for this project denies it\n"), tried.stderr
    assert "git push *" in tried.stdout


def test_the_users_decisions_are_not_the_models_to_make_by_a_command(hooked: Hooked) -> None:
    for command in (
        "segue permit Bash '*'",
        "cd x && /usr/local/bin/segue permit Bash '*'",
        "python -m services.cli revoke all",
        "curl -d '{}' http://127.0.0.1:8377/v1/permissions",
        "script -c 'segue revoke all'",
    ):
        for mode in ("default", "bypassPermissions"):
            assert decision(hooked, command, permission_mode=mode) == "ask", command
    assert decision(hooked, "segue permissions") == "None"
    assert decision(hooked, "segue deny Bash 'x'") == "None"


@pytest.mark.slow
async def test_the_clients_own_rules_are_recorded_once_the_user_has_seen_them(
    here: ProcessStack, hooked: Hooked
) -> None:
    settings = hooked.project / ".claude" / "settings.json"
    settings.parent.mkdir(exist_ok=True)
    rules = {"allow": ["Bash(make plums:*)"], "deny": ["Bash(git push:*)", "Read(./.env)"], "ask": ["WebFetch"]}
    settings.write_text(json.dumps({"permissions": rules}))
    around: dict[str, Any] = {"environment": hooked.environment, "cwd": hooked.project}
    shown = segue("permissions", "import", "--dry-run", **around)
    expected = ["deny   Bash(git push:*)", "deny   Read(./.env)", "allow  Bash(make plums:*)"]
    assert [line.partition("  in ")[0] for line in shown.stdout.splitlines()[:3]] == expected
    assert segue("permissions", "import", terminal=False, **around).returncode == 2
    assert "0 recorded" not in segue("permissions", "import", agrees=False, **around).stdout
    assert await check(here, hooked, "make plums -j2") == "ask"
    done = segue("permissions", "import", agrees=True, **around)
    assert (done.returncode, done.stderr, "3 recorded" in done.stdout) == (0, "", True)
    assert [await check(here, hooked, each) for each in ("make plums -j2", "git -C . push")] == ["allow", "deny"]
    read = {"file_path": str(hooked.project / ".env")}
    assert hooked.said("PreToolUse", tool_name="Read", tool_input=read)["permissionDecision"] == "deny"


async def test_a_decision_that_is_sent_twice_is_made_once(here: ProcessStack, hooked: Hooked) -> None:
    deny = {"operation": "Bash", "target": "make quinces", "directory": str(hooked.project), "operation_id": "d1"}
    one, other = (decide(here.url, "deny", **deny) for _ in range(2))
    assert one == other
    assert one["rule"]["id"]
    shown = segue("permissions", environment=hooked.environment, cwd=hooked.project)
    assert shown.stdout.count("make quinces") == 1
    back = {"id": one["rule"]["id"], "operation_id": "r1"}
    assert [decide(here.url, "revoke", **back)["revoked"] for _ in range(2)] == [1, 1]
    assert decide(here.url, "revoke", id=one["rule"]["id"])["error"]
