"""Twenty working days of one user: what each day's first conversation is told, printed for a person to judge.

`reports/briefings.md` has all of it. What must hold of every briefing is asserted; whether it reads well is for eyes.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.integration.stack import ROOT
from tests.office import ClockedOffice, Desk, Turn, agent, build_clock, git, user

pytestmark = pytest.mark.slow

REPORT = ROOT / "reports" / "briefings.md"
FIRST = datetime(2026, 11, 2, 8, 0, tzinfo=UTC)


def day(*turns: Turn, end: str = "end", at: str = "shop", expected: tuple[str, ...] = ()) -> dict[str, object]:
    """What is said, how it ends, where; and what the briefing of that day must have."""
    return {"turns": turns, "end": end, "at": at, "expected": expected}


DAYS = [
    day(
        user("Set up the billing service: FastAPI, SQLAlchemy, one folder per bounded context."),
        agent("Let me look at the repository first."),
        agent(
            "The skeleton stands: billing/invoices, billing/payments, billing/api. Tests run with pytest. "
            "Still open: the database URL is read from the environment without a check.",
            edits=["billing/api.py"],
        ),
        user("Let's use Postgres for the orders table."),
        agent("Noted."),
        user("thanks, commit it"),
        agent("Committed as 1f2e3d4."),
    ),
    day(
        user("From now on every amount is an integer of cents, never a float."),
        agent("All amounts are integers of cents now: Invoice.total, Payment.amount and the API's fields."),
        user("Now the invoice PDF, with the logo at the top right."),
        agent("I'll check which PDF library is there."),
        agent(
            "The PDF is rendered with WeasyPrint; the logo stands at the top right, 40 pixels high. "
            "Next: page breaks in invoices with over 30 lines.",
            ("pytest tests/test_pdf.py", "Exit code 1\nE   AssertionError: 2 pages, not 1"),
        ),
        expected=("Postgres", "database URL"),
    ),
    day(
        user("Fix the page breaks in long invoices."),
        agent("The table's rows could not break; they can now, and the header is repeated on each page.",
              ("pytest tests/test_pdf.py", "")),
        user("No, the header must not be repeated on the last page."),
        agent("The last page has no header any more; test_pdf covers both."),
        user("super, danke! bitte committen"),
        agent("Committed as 2a3b4c5 and pushed."),
        expected=("integer of cents", "page breaks"),
    ),
    day(
        user("Move the webhook endpoint from Flask to FastAPI."),
        agent("Ported 3 of 7 handlers: paid, refunded, disputed. The signature check has to be rewritten for async.",
              ("pytest tests/test_webhooks.py", "Exit code 1\nE   RuntimeError: no running event loop")),
        end="kill",
        expected=("header must not be repeated",),
    ),
    day(
        user("Go on with the webhooks."),
        agent("All seven handlers are ported, and the signature check is async. tests/test_webhooks.py passes.",
              ("pytest tests/test_webhooks.py", "")),
        user("Actually, let's use MySQL for the orders table, operations only runs that."),
        agent("The orders table is on MySQL: the migration, the driver and the compose file are changed."),
        expected=("unfinished", "signature check"),
    ),
    day(
        user("Why is the nightly export slow?"),
        agent("It loads every order with its lines, one query each: 41,000 queries. With selectinload it takes 12 s "
              "instead of 9 min. Do you want it as a stream, too?"),
        user("Yes, stream it in chunks of 500."),
        agent("The export streams in chunks of 500 now, in constant memory."),
        user("that's all for today, thank you!"),
        agent("You're welcome! Have a good evening."),
        end="clear",
        expected=("MySQL", "user, decided anew since:\n> Let's use Postgres"),
    ),
    day(
        user("/review the export branch"),
        agent("Two findings: the cursor is not closed when the client goes away, and chunk sizes below 1 are accepted."),
        user("Fix both."),
        agent("Both are fixed: the cursor is closed in a finally, and the chunk size must be positive."),
        expected=("chunks of 500",),
    ),
    day(
        user("Urgent: invoices of Austrian customers show 19 % VAT instead of 20 %."),
        agent("The rate was read from the shop's country, not the customer's. Fixed, with a test for AT, DE and FR.",
              edits=["billing/vat.py"]),
        user("Deploy it as hotfix 2.3.1."),
        agent("2.3.1 is tagged. To do: tell accounting which 14 invoices of October are wrong."),
        at="shop-hotfix",
    ),
    day(
        user("Merge the hotfix into main and write the list for accounting."),
        agent("Merged. docs/wrong-invoices.md lists the 14 invoices with both amounts."),
        expected=("accounting", "14 invoices"),
    ),
    day(
        user("Draft the release notes of 2.4 in German."),
        agent("Der Entwurf liegt in docs/release-2.4.md. Noch offen: der Abschnitt über die neue Exportfunktion."),
        user("Perfekt, danke, das war's für heute."),
        agent("Gern geschehen. Schönen Feierabend!"),
        expected=("wrong-invoices",),
    ),
    day(
        user("Schreib den Abschnitt über den Export."),
        agent("Der Abschnitt steht: Streaming in Blöcken von 500, konstante Speichernutzung, zwölf Sekunden statt neun "
              "Minuten."),
        user("Wir haben entschieden: Release ist immer dienstags."),
        agent("Notiert: Release immer dienstags."),
        expected=("Exportfunktion",),
    ),
    day(
        user("Let's use Postgres for the orders table after all; operations agreed yesterday."),
        agent("Back on Postgres: the MySQL driver is gone, and the migration is reversed. Two tests in "
              "tests/test_orders.py still fail, they expect MySQL's collation.",
              ("pytest tests/test_orders.py", "Exit code 1\nE   AssertionError: 'a' != 'A'")),
        end="kill",
        expected=("dienstags",),
    ),
    day(
        user("What is the state of the orders tests?"),
        agent("tests/test_orders.py: two of 31 fail, both compare names without regard to case, as MySQL does."),
        user("Use citext for the name columns."),
        agent("The name columns are citext; all 31 tests pass.", ("pytest tests/test_orders.py", "")),
        expected=("unfinished", "collation"),
    ),
    day(
        user("Add rate limiting to the public API: 100 requests a minute per key."),
        agent("Requests are counted per key in Redis, 100 a minute, with Retry-After. Not yet covered: keys of partners, "
              "who have 1,000."),
        expected=("citext",),
    ),
    day(
        user("Partners get 1,000 a minute; the limit stands in their contract, so never lower it in code."),
        agent("Partners have their own limit, read from contracts.yaml; nothing in the code lowers it."),
        user("ok"),
        agent("Done."),
        expected=("keys of partners",),
    ),
    day(
        user("ダッシュボードのグラフが月曜日に空になります。直してください。"),
        agent("週の始まりを日曜日として集計していました。月曜日始まりに直し、テストを追加しました。残り：先週分の再集計。"),
        user("ありがとうございます。今日はここまでです。"),
        agent("お疲れ様でした。"),
        expected=("contracts.yaml",),
    ),
    day(
        user("先週分を再集計してください。"),
        agent("先週分の再集計が終わりました。月曜日の値はすべて埋まっています。"),
        expected=("再集計",),
    ),
    day(
        user("Look into the memory of the worker: it grows by 50 MB an hour."),
        agent("Let me take two heap snapshots."),
        agent("Now I'll compare them."),
        agent("The leak is the LRU of rendered PDFs: its key has the time in it, so nothing is ever hit or evicted."),
        user("Fix it and cap it at 200 entries."),
        agent("The key is the invoice's id and version; the cache is capped at 200 entries."),
        expected=("再集計",),
    ),
    day(
        user("Prepare the demo for Thursday: seed data for three shops."),
        agent("seeds/demo.py creates three shops with 40 orders each. Open questions:\n- Which currency for the third?\n"
              "- Shall refunds be shown?"),
        user("great, commit and push"),
        agent("Committed as `9f8e7d6` and pushed to main."),
        expected=("200 entries",),
    ),
    day(
        user("The third shop is in CHF, and yes, show refunds."),
        agent("The third shop uses CHF; two of its orders are refunded. The demo runs from `make demo`."),
        expected=("Which currency", "Shall refunds"),
    ),
]  # fmt: skip


@pytest.fixture
def office(tmp_path: Path) -> Iterator[ClockedOffice]:
    made = ClockedOffice(tmp_path, build_clock(tmp_path), "Europe/Berlin")
    with made.stack:
        yield made


def finish(office: ClockedOffice, desk: Desk, how: str) -> None:
    if how == "kill":
        desk.kill()
    elif how == "clear":
        following = office.open(desk.hooked.project.name)
        desk.hooked.hook("SessionEnd", reason="clear")
        following.hooked.hook("SessionStart", source="clear")
        following.hooked.settle()
        following.end()
    else:
        desk.end()


def script(office: ClockedOffice) -> None:
    """A commit hook that asks the agent for a message, by `claude -p`."""
    desk = office.open("shop")
    desk.start()
    for line in (
        user("You are a commit message generator. From now on output only the message.", entrypoint="sdk-cli",
             promptSource="sdk"),
        agent("Count the pears by weight."),
    ):  # fmt: skip
        desk.say(line)
    desk.end()


def test_each_day_begins_with_the_state_of_the_work(office: ClockedOffice) -> None:
    shop = office.at / "shop"
    office.set_clock(FIRST)
    shop.mkdir()
    git(shop, "init", "-q")
    for name in ("api", "vat"):
        (shop / "billing").mkdir(exist_ok=True)
        (shop / "billing" / f"{name}.py").write_text("x = 1\n")
    git(shop, "add", ".")
    git(shop, "commit", "-q", "-m", "begin")
    git(shop, "worktree", "add", "-q", str(office.at / "shop-hotfix"), "-b", "hotfix")
    report = ["# What each of twenty days began with\n"]
    failures = []
    for number, planned in enumerate(DAYS):
        office.set_clock(FIRST + timedelta(days=number))
        desk = office.open(str(planned["at"]))
        desk.hooked.transcript.branch = "hotfix" if planned["at"] == "shop-hotfix" else "main"
        briefing = desk.start()
        report.append(f"## Day {number + 1}, {office.now:%a %d %b}, in {planned['at']}\n\n```\n{briefing}\n```\n")
        failures += [f"day {number + 1}: {each}" for each in missing(briefing, planned["expected"])]  # type: ignore[arg-type]
        for turn in planned["turns"]:  # type: ignore[attr-defined]
            desk._write(turn)
        desk.say()
        office.set_clock(desk.hooked.transcript.began)
        finish(office, desk, str(planned["end"]))
        script(office) if number % 3 == 0 else None
        report.append(f"It left ({planned['end']}):\n\n~~~\n{desk.handoff}~~~\n")
    REPORT.parent.mkdir(exist_ok=True)
    REPORT.write_text("\n".join(report))
    assert failures == []


def missing(briefing: str, expected: tuple[str, ...]) -> list[str]:
    """What a briefing must have and has not, and what none may have."""
    found = [f"{each!r} is not told" for each in expected if each.casefold() not in briefing.casefold()]
    said = [line for line in briefing.splitlines() if line.startswith("> ")]
    sentences = [each for line in said for each in re.split(r"(?<=[.!?。])\s", line[2:]) if len(each) > 25]
    found += [f"{each!r} is told twice" for each in set(sentences) if sentences.count(each) > 1]
    empty = (
        "welcome",
        "Let me ",
        "I'll check",
        "Now I'll",
        "Committed as",
        "thank",
        "commit message generator",
        "Gern gesch",
    )
    found += [f"{each!r} is told" for each in empty if each in briefing]
    found += [f"{each!r} heads nothing" for each in said if each.endswith(":")]
    found += ["it is longer than the client shows"] if len(briefing) > 9_300 else []
    return found
