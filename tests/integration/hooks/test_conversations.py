"""Each conversation leaves its handoff, however it ends; the next one is told the state of the work."""

from __future__ import annotations

import asyncio
import json
import secrets
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.claude_transcripts import said
from tests.integration.calls import call
from tests.integration.stack import Stack
from tests.office import ClockedOffice, Desk, Office, agent, build_clock, git, section, user


@pytest.fixture
def office(stack: Stack, tmp_path: Path) -> Office:
    if "SEGUE_URL" in stack.environment:
        pytest.skip("a gateway in a container writes no handoffs here")
    (tmp_path / "data").mkdir()
    return Office(tmp_path, stack.environment)


@pytest.fixture
def repository(office: Office, project: str) -> Path:
    """A project of its own, under version control."""
    directory = office.at / project
    directory.mkdir()
    git(directory, "init", "-q")
    (directory / "main.py").write_text("x = 1\n")
    git(directory, "add", ".")
    git(directory, "commit", "-q", "-m", "begin")
    return directory


def work(desk: Desk, subject: str) -> Desk:
    return desk.say(user(f"Please look into the {subject}."), agent(f"The {subject} was off by one; it is mended now."))


def handoffs(desk: Desk) -> list[str]:
    return [path.read_text() for path in desk.files]


# --- every conversation, however it ends ----------------------------------------------------------


@pytest.mark.slow
def test_after_a_fork_each_conversation_leaves_its_handoff(office: Office, repository: Path) -> None:
    first = office.open(repository.name)
    first.start()
    work(first, "pears")
    assert "pears" in first.end()
    forked = office.open(repository.name)
    first.hooked.hook("SessionStart", source="resume")  # as the client does: of the first one's id
    work(forked, "plums")
    assert "plums" in forked.end()
    third = office.open(repository.name)
    third.start()
    work(third, "figs")
    assert "figs" in third.end()
    assert "plums" not in first.handoff
    assert len(first.files) == 3


@pytest.mark.slow
def test_after_a_killed_terminal_all_that_follow_leave_their_handoff(office: Office, repository: Path) -> None:
    killed = office.open(repository.name)
    killed.start()
    work(killed, "pears").kill()
    for subject in ("plums", "figs", "limes"):
        desk = office.open(repository.name)
        desk.start()
        work(desk, subject)
        assert subject in desk.end()
    assert "Unfinished: last heard of" in killed.handoff
    assert "pears" in killed.handoff
    assert len(killed.files) == 4


@pytest.mark.slow
def test_what_was_cut_off_is_told_first_and_as_unfinished(office: Office, repository: Path) -> None:
    before = office.open(repository.name)
    before.start()
    work(before, "pears")
    before.end()
    killed = office.open(repository.name)
    killed.start()
    killed.say(
        user("Move the websocket server from aiohttp to starlette"),
        agent("Ported 3 of 7 handlers. The ping loop has to be rewritten."),
    )
    killed.kill()
    told = office.open(repository.name).start()
    assert "An unfinished conversation, last heard of" in told
    assert told.index("ping loop") < told.index("The last session ended" if "The last session" in told else "</segue")
    again = office.open(repository.name).start()
    assert "ping loop" in again


def test_clear_tells_the_next_conversation_what_the_one_before_left(office: Office, repository: Path) -> None:
    before, after = office.open(repository.name), office.open(repository.name)
    before.start()
    before.say(user("Please fix the pears."), agent("The pears are fixed; the scale is still open."))
    before.hooked.settle()
    before.say(user("And the plums?"), agent("The plums were off by two and are mended, as are the figs."))
    before.hooked.hook("SessionEnd", reason="clear")  # nothing of the last seconds is stored yet
    told = after.hooked.context("SessionStart", source="clear")
    after.hooked.settle()
    told = told or after.hooked.context("UserPromptSubmit", prompt="What now?")
    assert "The plums were off by two" in told
    assert "plums" in before.handoff
    assert "Unfinished" not in before.handoff


def test_the_last_exchange_is_told_to_the_next_conversation_however_short_it_is(
    office: Office, repository: Path
) -> None:
    before = office.open(repository.name)
    before.start()
    before.say(user("Mend the roof of the shed."), agent("The roof of the shed has new tiles, and the gutter holds."))
    before.say(user("Which colour has the door now? Paint it, please."), agent("Painted green."))
    assert "Painted green." in before.end()
    assert "Painted green." in office.open(repository.name).start()


def test_of_two_terminals_each_leaves_its_handoff_and_the_next_is_told_both(office: Office, repository: Path) -> None:
    one, two = office.open(repository.name), office.open(repository.name)
    one.start()
    two.start()
    work(one, "pears")
    work(two, "plums")
    assert "pears" in one.end()
    assert "plums" in two.end()
    told = office.open(repository.name).start()
    assert "pears" in told
    assert "plums" in told
    assert "Unfinished" not in "".join(handoffs(one))


def test_who_was_only_silent_ends_as_any_other(office: Office, repository: Path) -> None:
    one, two = office.open(repository.name), office.open(repository.name)
    one.start()
    work(one, "pears").hooked.settle()
    two.start()  # which cannot know that the first one is only waiting for its user
    assert "Unfinished" in one.handoff
    work(one, "plums")
    assert "plums" in one.end()
    assert "Unfinished" not in one.handoff
    assert len(one.files) == 1


async def test_a_session_stays_for_a_conversation_that_is_at_work(
    office: Office, repository: Path, stack: Stack
) -> None:
    async def states() -> list[str]:
        found = await call(stack, "list_sessions", project=repository.name)
        return [each["state"] for each in found["sessions"]]

    one, two = office.open(repository.name), office.open(repository.name)
    for desk in (one, two):
        await asyncio.to_thread(desk.start)
    await asyncio.to_thread(two.end)
    assert await states() == ["active"]
    await asyncio.to_thread(one.end)
    assert await states() == ["ended"]


def test_a_conversation_without_words_leaves_nothing(office: Office, repository: Path) -> None:
    desk = office.open(repository.name)
    desk.start()
    assert desk.end() == ""
    assert desk.files == []


@pytest.mark.slow
def test_a_resumed_conversation_has_one_handoff_of_all_of_it(office: Office, repository: Path) -> None:
    desk, other = office.open(repository.name), office.open(repository.name)
    desk.start()
    work(desk, "pears")
    desk.end()
    other.start()
    work(other, "figs")
    other.end()
    desk.hooked.hook("SessionStart", source="resume")
    work(desk, "plums")
    assert "plums" in desk.end()
    assert len(desk.files) == 2
    told = office.open(repository.name).start()
    assert told.index("plums") < told.index("figs")


@pytest.mark.slow
def test_a_worktree_is_told_apart_and_nothing_of_another_project_is_told(office: Office, repository: Path) -> None:
    tree = office.at / f"{repository.name}-hotfix"
    git(repository, "worktree", "add", "-q", str(tree), "-b", "hotfix")
    main, hotfix = office.open(repository.name), office.open(tree.name)
    for desk, subject in ((main, "pears"), (hotfix, "plums")):
        desk.hooked.transcript.branch = "main" if desk is main else "hotfix"
        desk.start()
        work(desk, subject)
        desk.end()
    assert "on branch `hotfix`" in hotfix.handoff
    elsewhere = office.open(f"{repository.name}-other")
    assert "plums" not in elsewhere.start()


# --- what a handoff is made of ---------------------------------------------------------------------


def ended(office: Office, repository: Path, *turns: Any) -> str:
    desk = office.open(repository.name)
    desk.start()
    desk.say(*turns)
    return desk.end()


@pytest.mark.slow
def test_a_handoff_is_the_end_of_a_long_session(office: Office, repository: Path) -> None:
    turns = [
        each
        for number in range(80)
        for each in (
            user(f"What was done about module number {number}, and what did we decide there?"),
            agent(f"What was done and decided in {number}: the parser reads block {7 * number} before the checksum."),
        )
    ]
    ask = user("Great. Last thing for today: rename the CLI flag --colour to --color everywhere.")
    answer = agent("Renamed in 14 files; two tests in cli/test_flags.py still fail and need new snapshots tomorrow.")
    handoff = ended(office, repository, *turns, ask, answer)
    summary = handoff.split("## Summary")[1].split("##")[0]
    assert "rename the CLI flag" in summary
    assert "Renamed in 14 files" in summary
    assert "need new snapshots" in handoff.split("## Open questions")[1]


def test_a_handoff_is_the_work_and_not_the_goodbyes(office: Office, repository: Path) -> None:
    handoff = ended(
        office,
        repository,
        user("The nightly export drops rows with a null region. Find out why and fix it."),
        agent("Let me read the export first."),
        agent(
            "The join in export/rows.py was an inner join on region. I made it a left join and added test_null_region; "
            "both suites pass. Still open: the backfill of March."
        ),
        user("Great, commit it."),
        agent("Committed as 4f2a91c."),
        user("thanks, that is all for today"),
        agent("You're welcome! Have a good evening."),
    )
    assert "**Asked:** The nightly export drops rows" in handoff
    assert "inner join on region" in handoff
    assert "- the backfill of March." in handoff.split("## Open questions")[1]
    assert "welcome" not in handoff


def test_a_handoff_has_the_main_agents_words(office: Office, repository: Path) -> None:
    desk = office.open(repository.name)
    desk.start()
    desk.say(
        user("Make the uploader retry."),
        agent("The uploader retries now, 5 attempts with full jitter. Next: wire the metric upload_retries_total."),
    )
    beside = desk.hooked.path.with_suffix("") / "subagents"
    beside.mkdir(parents=True)
    line = desk.hooked.transcript.lines[-1] | {
        "uuid": "11111111-1111-4111-8111-000000000077",
        "isSidechain": True,
        "agentId": "a1",
        "timestamp": (desk.hooked.transcript.began + timedelta(minutes=5)).isoformat(),
        "message": {
            "role": "assistant",
            "model": "m",
            "content": [said("I searched the docs and found nothing at all.")],
        },
    }
    (beside / "agent-a1.jsonl").write_text(json.dumps(line) + "\n")
    handoff = desk.end()
    assert "5 attempts with full jitter" in handoff
    assert "found nothing" not in handoff
    assert "- wire the metric" in handoff.split("## Next steps")[1]


def test_a_handoff_names_what_failed_and_what_is_not_committed(office: Office, repository: Path) -> None:
    (repository / "main.py").write_text("x = 2\n")
    handoff = ended(
        office,
        repository,
        user("Fix the flaky sync test."),
        agent(
            "The flake came from a shared tmp directory; it is mended. Left to do: the same bug in tests/test_watch.py",
            ("pytest tests/test_sync.py", "Exit code 1\nE   AssertionError: 3 != 4"),
            ("pytest tests/test_sync.py", ""),
            ("npm run lint", "Exit code 1\nerror: main.js is not formatted"),
        ),
        user("thanks, commit it"),
        agent("Committed as `1a2b3c4`."),
    )
    failed = handoff.split("## Failed and not fixed")[1].split("##")[0]
    assert "npm run lint" in failed
    assert "pytest" not in failed
    assert "`main.py`" in handoff.split("## Not committed")[1].split("##")[0]
    assert "- the same bug in tests/test_watch.py" in handoff


# --- what the next conversation is told ------------------------------------------------------------


@pytest.mark.slow
def test_the_newest_decision_is_told_first_though_it_was_made_before(office: Office, repository: Path) -> None:
    for store in ("Postgres", "MySQL", "Postgres"):
        desk = office.open(repository.name)
        desk.start()
        desk.say(user(f"Let's use {store} for the orders table."), agent(f"The orders table is in {store} now."))
        last = desk.end()
    assert "**Asked:** Let's use Postgres" in last
    decided = section(office.open(repository.name).start(), "What was decided:")
    assert decided.index("Postgres") < (decided + "MySQL").index("MySQL")
    assert decided.count("Postgres for the orders table") == 1


def test_no_sentence_is_told_twice_and_no_announcement_at_all(office: Office, repository: Path) -> None:
    desk = office.open(repository.name)
    desk.start()
    desk.say(
        user("From now on the exporter writes Parquet. Make it so."),
        agent("Let me look at the exporter first."),
        agent("Now I'll check how the exporter writes files:"),
        agent("The exporter writes Parquet now. The exporter's nightly job is still missing."),
    )
    desk.end()
    told = office.open(repository.name).start()
    assert "Let me look" not in told
    assert "Now I'll check" not in told
    for sentence in (
        "From now on the exporter writes Parquet.",
        "The exporter writes Parquet now.",
        "nightly job is still",
    ):
        assert told.count(sentence) == 1, told


@pytest.mark.slow
@pytest.mark.parametrize("tokens", ["1500", "5000", "10000"])
def test_a_briefing_is_what_the_client_shows_whole(office: Office, repository: Path, tokens: str) -> None:
    desk = office.open(repository.name)
    desk.start()
    for number in range(40):
        words = " ".join(secrets.token_hex(4) for _ in range(60))
        desk.say(user(f'From now on, rule {number} is "{words}" \\o/.'), agent("Noted."))
    desk.end()
    following = office.open(repository.name)
    following.hooked.environment["SEGUE_HOOK_TOKENS"] = tokens
    output = following.hooked.hook("SessionStart", source="startup").stdout.decode()
    assert len(output) < 10_000
    told = json.loads(output)["hookSpecificOutput"]["additionalContext"]
    assert "rule 39" in told
    injected = (following.hooked.data / "hooks" / "injected").read_text()
    assert f"memories={told.count('From now on, rule')}" in injected


@pytest.mark.slow
def test_prompts_draw_each_memory_once_and_nothing_of_their_own_conversation(office: Office, repository: Path) -> None:
    office.environment["SEGUE_HOOK_USER_PROMPT_SUBMIT"] = "on"
    fact = "The billing API listens on port 8431 behind the edge proxy."
    before = office.open(repository.name)
    before.start()
    before.say(user("Where does the billing API listen?"), agent(fact))
    before.end()
    desk = office.open(repository.name)
    told = [desk.start()]
    prompts = ("what port is the billing api on?", "and the billing api port in staging?", "billing api port please")
    for prompt in prompts:
        told.append(desk.hooked.context("UserPromptSubmit", prompt=prompt))
        desk.say(user(prompt), agent(f"The billing API's port is 8431, as you asked: {prompt}"))
        desk.hooked.settle()
    assert "".join(told).count("8431 behind the edge proxy") == 1
    assert "as you asked" not in "".join(told)


@pytest.mark.parametrize(
    ("prompt", "more"),
    [
        ("<task-notification>\n<task-id>b1</task-id> the billing api port\n</task-notification>", {}),
        ("what port is the billing api on?", {"source": "schedule_wakeup"}),
        ("what port is the billing api on?", {"source": "sdk"}),
    ],
)
async def test_what_no_person_typed_draws_nothing(
    office: Office, repository: Path, stack: Stack, prompt: str, more: dict[str, str]
) -> None:
    office.environment["SEGUE_HOOK_USER_PROMPT_SUBMIT"] = "on"
    fact = "The billing API listens on port 8431 behind the edge proxy."
    await call(stack, "store_reflection", content=fact, project=repository.name)
    desk = office.open(repository.name)
    assert await asyncio.to_thread(desk.hooked.context, "UserPromptSubmit", prompt=prompt, **more) == ""
    typed = await asyncio.to_thread(desk.hooked.context, "UserPromptSubmit", prompt="what port is the billing api on?")
    assert "8431" in typed


async def test_what_was_deleted_is_not_told_and_not_in_the_handoff(
    office: Office, repository: Path, stack: Stack
) -> None:
    desk = office.open(repository.name)
    secret = "Our landlord is called Mr Thistlewood, I should not have said that."
    await asyncio.to_thread(desk.start)
    await asyncio.to_thread(desk.say, user(secret), agent("Mr Thistlewood is noted as your landlord, Ada."))
    assert "Thistlewood" in await asyncio.to_thread(desk.end)
    asked = await call(stack, "delete_conversations", project=repository.name)
    token = asked["confirmation_token"]
    await call(stack, "delete_conversations", project=repository.name, confirm=True, confirmation_token=token)
    told = await asyncio.to_thread(office.open(repository.name).start)
    begun = await call(stack, "init", working_directory=str(repository))
    assert "Thistlewood" not in told
    assert "Thistlewood" not in json.dumps(begun)
    assert "Thistlewood" not in "".join(handoffs(desk))


# --- with `init` and `end` -------------------------------------------------------------------------


async def test_two_agents_who_share_a_session_keep_their_own_words(stack: Stack, repository: Path) -> None:
    directory = str(repository)
    one = await call(stack, "init", working_directory=directory)
    two = await call(stack, "init", working_directory=directory)
    assert one["session_id"] == two["session_id"]
    first = await call(stack, "end", session_id=one["session_id"], summary="A: wrote the parser")
    steps = {"summary": "B: fixed the login bug", "next_steps": ["B: deploy"]}
    second = await call(stack, "end", session_id=two["session_id"], **steps)
    again = await call(stack, "end", session_id=two["session_id"], **steps)
    assert "A: wrote the parser" in first["handoff"]
    assert "B: fixed the login bug" in second["handoff"]
    assert again["handoff"] == second["handoff"]
    following = await call(stack, "init", working_directory=directory)
    left = [following["previous_handoff"], *following["other_handoffs"]]
    assert "B: deploy" in following["previous_handoff"]["next_steps"]
    assert {each["summary"] for each in left} == {"A: wrote the parser", "B: fixed the login bug"}
    assert {each["working_directory"] for each in left} == {directory}
    found = await call(stack, "reflect_on_past", query="fixed the login bug", project=repository.name)
    assert any("B: fixed the login bug" in each["content"] for each in found["results"])


@pytest.mark.slow
async def test_what_end_was_told_stays_in_the_handoff_of_the_conversation(
    office: Office, repository: Path, stack: Stack
) -> None:
    desk = office.open(repository.name)
    await asyncio.to_thread(desk.start)
    await asyncio.to_thread(work, desk, "pears")
    await asyncio.to_thread(desk.hooked.settle)
    sessions = await call(stack, "list_sessions", project=repository.name, state="active")
    (session,) = sessions["sessions"]
    await call(stack, "end", session_id=session["session_id"], summary="All pears are counted.", next_steps=["Plums."])
    await asyncio.to_thread(work, desk, "figs")
    handoff = await asyncio.to_thread(desk.end)
    assert "All pears are counted." in handoff
    assert "- Plums." in handoff
    assert len(desk.files) == 1


# --- clocks ----------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def clock(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_clock(tmp_path_factory.mktemp("clock"))


@pytest.fixture
def clocked(clock: Path, tmp_path: Path) -> Iterator[Callable[..., ClockedOffice]]:
    opened: list[ClockedOffice] = []

    def start(zone: str = "UTC", **settings: str) -> ClockedOffice:
        office = ClockedOffice(tmp_path, clock, zone, **settings)
        office.stack.__enter__()
        opened.append(office)
        return office

    yield start
    for office in opened:
        office.stack.__exit__()


@pytest.mark.slow
def test_a_clock_that_jumped_does_not_choose_the_last_handoff(clocked: Callable[..., ClockedOffice]) -> None:
    office = clocked()
    true = office.now
    office.set_clock(true + timedelta(hours=3))
    first = office.open("orchard")
    first.start()
    work(first, "pears")
    first.end()
    office.set_clock(true)
    second = office.open("orchard")
    second.start()
    work(second, "plums")
    second.end()
    told = office.open("orchard").start()
    assert "plums" in told
    assert "pears" not in told.split("Related:")[0]


@pytest.mark.slow
def test_a_day_is_the_users_day(clocked: Callable[..., ClockedOffice]) -> None:
    office = clocked("Asia/Tokyo")
    office.set_clock(datetime(2026, 11, 26, 22, 30, tzinfo=UTC))  # the 27th, 07:30 in Tokyo
    desk = office.open("orchard")
    desk.start()
    desk.say(user("From now on, count the pears by weight."), agent("Noted: pears by weight."))
    desk.end()
    told = office.open("orchard").start()
    assert "2026-11-27 07:3" in told
    assert "2026-11-26" not in told


@pytest.mark.slow
def test_a_laptop_that_slept_goes_on_and_tells_nothing_twice(clocked: Callable[..., ClockedOffice]) -> None:
    office = clocked()
    desk = office.open("orchard")
    desk.start()
    work(desk, "pears").hooked.settle()
    office.set_clock(office.now + timedelta(hours=9))
    desk.hooked.transcript.began = office.now
    work(desk, "plums")
    assert "plums" in desk.end()
    assert len(desk.files) == 1
    assert "Unfinished" not in desk.handoff


@pytest.mark.slow
def test_one_that_is_not_heard_of_is_closed_at_the_next_start_also_after_a_restart(
    clocked: Callable[..., ClockedOffice],
) -> None:
    office = clocked()
    killed = office.open("orchard")
    killed.start()
    work(killed, "pears").kill()
    office.stack.restart()
    office.set_clock(office.now + timedelta(days=2))
    told = office.open("orchard").start()
    assert "An unfinished conversation" in told
    assert "pears" in told
    assert "stopped without an end" not in told
    assert len(killed.files) == 1
