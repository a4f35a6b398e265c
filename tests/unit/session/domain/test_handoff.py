"""What a handoff says, and that nothing in it can break the document."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.session.domain.handoff import (
    Ending,
    Handoff,
    OwnWords,
    markdown_max_bytes,
    summary_of,
    trend,
    write_handoff,
)
from services.session.domain.sessions import Checkpoint, Facts, GitFacts, Learnings, Quality, Session, State

NOW = datetime(2026, 3, 1, 9, 30, tzinfo=UTC)
SESSION = Session(
    "0123abcd-s", "ada", "/work/heron", "/work/heron", "heron", NOW, NOW, State.ENDED, NOW + timedelta(hours=1),
    checkpoints=2, first_quality=60.0,
)  # fmt: skip
SECTIONS = [
    "# Handoff: heron", "## Summary", "## Next steps", "## Open questions", "## Failed and not fixed",
    "## Not committed", "## Decisions", "## What was done", "## The client's own summary of what was before",
    "## Learnings", "## Quality", "## Files changed", "## Git",
]  # fmt: skip


def written(session: Session, checkpoints: list[Checkpoint], facts: Facts) -> Handoff:
    """Of a session that has no conversations."""
    own = OwnWords(facts.summary, facts.next_steps, facts.open_questions)
    return write_handoff(Ending.of_session(session), checkpoints, facts, own)


def everywhere(text: str) -> tuple[list[Checkpoint], Facts]:
    one = (text,)
    checkpoint = Checkpoint(
        "c", "s", 1, NOW, text, Quality(70), None, text, text, text, files_changed=one, decisions=one
    )
    git = GitFacts(text, text, 1, 2, one, one)
    learnings = Learnings(one, one, one)
    facts = Facts(text, learnings, one, one, one, one, git, Quality(80), text, text, one, one, one, recap=text)
    return [checkpoint], facts


def headings(markdown: str) -> list[str]:
    return [line for line in markdown.splitlines() if line.lstrip(" ").startswith("#")]


def test_a_handoff_has_every_section_that_has_something_to_say() -> None:
    assert headings(written(SESSION, *everywhere("said")).markdown) == SECTIONS
    assert headings(written(SESSION, [], Facts()).markdown) == SECTIONS[:2]


def test_the_same_session_leaves_the_same_handoff() -> None:
    assert written(SESSION, *everywhere("x")) == written(SESSION, *everywhere("x"))
    assert written(SESSION, [], Facts()).file_name == "2026-03-01T0930Z-0123abcd.md"


hostile = [
    "# heading", "\n# heading", "```\nfence", "~~~", "<script>x</script>", "<!-- comment", "- item", "1. item",
    "> quote",
    "| a | b |\n|---|---|", "===", "---", "[x](javascript:y)", "![x](y)", "`code", "``", "*bold", "\u202eright to left",
    "\x1b[31m", "\r\n\r\n## heading", "\u2028# heading", "a\\", "&lt;", "\t# heading",
]  # fmt: skip


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("2.3.1 is tagged", "2.3.1 is tagged"),
        ("2. tag it", "2\\. tag it"),
        ("Run `make demo` (or `npm start`)", "Run `make demo` (or `npm start`)"),
        ("Run `make demo", "Run \\`make demo"),
        ("`a` is a block?", "\\`a\\` is a block?"),
        ("see ``x`` and `<b>`", "see \\`\\`x\\`\\` and \\`\\<b\\>\\`"),
    ],
)
def test_plain_text_reads_as_it_was_said(text: str, shown: str) -> None:
    assert f"- {shown}\n" in written(SESSION, [], Facts(next_steps=(text,))).markdown


@pytest.mark.parametrize("text", hostile)
def test_hostile_text_changes_nothing_of_the_structure(text: str) -> None:
    stays_whole(text)


@given(st.text(max_size=60) | st.lists(st.sampled_from([*hostile, " ", "\n"]), max_size=5).map("".join))
def test_no_text_changes_anything_of_the_structure(text: str) -> None:
    stays_whole(text)


def stays_whole(text: str) -> None:
    checkpoints, facts = everywhere(f"x{text}")
    plain = written(SESSION, *everywhere("x")).markdown.splitlines()
    session = replace(SESSION, project=f"x{text}")
    lines = written(session, checkpoints, facts).markdown.splitlines()
    assert len(lines) == len(plain)
    assert [line for line in lines if line.startswith("## ")] == SECTIONS[1:]
    for line in lines:
        outside_code = re.sub(r"(?<!\\)(`+)(?!`).*?(?<!`)\1(?!`)", "", line)
        assert not re.search(r"(?<!\\)(\\\\)*[`<|\[]", outside_code), line
    assert not re.search("[\x00-\x09\x0b-\x1f\u2028\u202e]", "\n".join(lines))


@given(st.sampled_from(hostile), st.text(max_size=20))
def test_no_text_begins_a_block_of_its_own(start: str, text: str) -> None:
    facts = Facts(next_steps=(f"{start}{text}",))
    markdown = written(SESSION, [], facts).markdown
    items = re.findall(r"^- (.*)$", markdown.partition("## Next steps")[2].partition("\n## ")[0], re.MULTILINE)
    for item in items:
        assert not re.match(r"[#>+=~|`<-]|\*\s|\d{1,9}[.)]", item), item


def test_a_handoff_is_bounded_however_much_there_is() -> None:
    many = tuple(f"{number} {'🦢' * 3900}" for number in range(100))
    checkpoints, facts = everywhere(many[0])
    facts = replace(facts, decisions=many, open_questions=many, next_steps=many, files_changed=many)
    markdown = written(SESSION, checkpoints * 200, facts).markdown
    assert len(markdown.encode()) <= markdown_max_bytes + 100
    assert "did not fit" in markdown


def test_of_many_items_the_rest_is_counted() -> None:
    facts = Facts(next_steps=tuple(f"step {number}" for number in range(50)))
    assert "- and 30 more" in written(SESSION, [], facts).markdown


@pytest.mark.parametrize(
    ("scores", "expected"),
    [([], "unknown"), ([50], "unknown"), ([50, 51], "steady"), ([50, 70, 60], "rising"), ([60, 70, 50], "falling")],
)
def test_a_trend_goes_from_the_first_to_the_last(scores: list[float], expected: str) -> None:
    assert trend(scores) == expected


def test_without_words_of_its_own_it_says_what_was_asked_and_answered_last() -> None:
    facts = Facts(
        asked="Fix the flake", answered="Fixed it.", next_said=("run it in CI",), failed=("npm test: 1 failed",)
    )
    handoff = written(SESSION, [], facts)
    assert handoff.summary == summary_of(facts) == "Asked: Fix the flake\nFixed it."
    assert handoff.next_steps == ("run it in CI",)
    assert "- `npm test: 1 failed`" in handoff.markdown
    own = written(SESSION, [], replace(facts, summary="All green.", next_steps=("deploy",)))
    assert (own.summary, own.next_steps) == ("All green.", ("deploy", "run it in CI"))
    assert own.asked == "Fix the flake"


def test_it_says_where_it_was_left_and_whether_it_is_unfinished() -> None:
    git = GitFacts("feat/ping", "1a2b3c4d5e6f7a8b", 1, 0, ("ws/ping.py",))
    abandoned = replace(SESSION, state=State.ABANDONED)
    handoff = written(abandoned, [], Facts(git=git))
    assert (handoff.unfinished, handoff.branch, handoff.uncommitted) == (True, "feat/ping", ("ws/ping.py",))
    assert "- Unfinished: last heard of 2026-03-01 10:30 UTC" in handoff.markdown
    assert "in `/work/heron` on branch `feat/ping`" in handoff.markdown
    assert "- On `feat/ping` at `1a2b3c4d5e6f`, 1 ahead and 0 behind" in handoff.markdown
    alone = written(abandoned, [], Facts(git=replace(git, ahead=0)))
    assert "- On `feat/ping` at `1a2b3c4d5e6f`\n" in alone.markdown


def test_a_file_below_the_directory_is_named_once_by_its_path_there() -> None:
    facts = Facts(files_changed=("/work/heron/a.py", "b.py", "/work/heron/b.py", "/etc/hosts"))
    changed = written(SESSION, [], facts).markdown.partition("## Files changed")[2]
    assert changed.split() == ["-", "`/etc/hosts`", "-", "`a.py`", "-", "`b.py`"]
