"""What a team's memory looks like after some weeks: for the pictures, and for tests that look at every page."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

from tests.integration.page.person import Person, line
from tests.repositories import RepositoryOnDisk

CONVERSATION = "5f1c9a60-7d1e-4b1b-9d53-0a4f2b7c1e11"
EARLIER = "1b7de0a4-52c8-4b7f-8f0e-6b1f20c7aa42"
_talk = (
    ("user", "The checkout retries a declined card three times. Customers see three pending charges. Can we fix that?"),
    (
        "assistant",
        "The gateway retries on every error, also on a decline. I split the two: a timeout is retried, a decline is "
        "not.\n\n```python\nclass Declined(PaymentError):\n    retryable = False\n\n\ndef charge(order, attempt=0):\n"
        "    try:\n        return gateway.charge(order.total, key=(order.id, attempt))\n    except GatewayTimeout:\n"
        "        if attempt == 2:\n            raise\n        return charge(order, attempt + 1)\n```\n\n"
        "The tests for the timeout pass, and there is a new one for the decline.",
    ),
    ("user", "Good. Use an idempotency key for every charge, not only for retried ones."),
    (
        "assistant",
        "Every charge has a key made of the order's id and the attempt now. `payments/gateway.py` refuses a charge "
        "without one, so that nobody forgets it.",
    ),
    ("user", "And back off between the tries, with jitter. The gateway's status page asks for at least half a second."),
    (
        "assistant",
        "Done: 0.5 s, 1 s and 2 s, each by up to 20 % more or less. The worst case is 4.2 s, below the 10 s that the "
        "checkout page waits.",
    ),
)
_reflections: tuple[tuple[str, tuple[str, ...], int], ...] = (
    ("We keep the ledger in Postgres, not MySQL: it needs SERIALIZABLE transactions.", ("decision", "database"), 19),
    ("Amounts are integers of the smallest unit, never floats; the currency stands beside them.", ("decision",), 16),
    ("Every charge has an idempotency key: order id and attempt.", ("decision", "payments"), 2),
    ("Feature flags live in the database and are cached for a minute.", ("decision",), 9),
    ("No, run the linter before you commit, not after.", ("correction",), 11),
    ("Never edit a migration that is merged: write a new one.", ("correction", "database"), 7),
    (
        "The flaky checkout test waited for a fixed 200 ms. It waits for the event now: 400 runs without a failure.",
        ("testing",),
        5,
    ),
    (
        "The gateway's sandbox answers 429 above five charges a second; the tests share one client for it.",
        ("payments",),
        4,
    ),
    ("We use npm as the package manager of the storefront.", ("decision",), 14),
    ("We use pnpm as the package manager of the storefront now.", ("decision",), 3),
)
_invoices = (
    "The export rounds each line, and the sum is a cent off. Round the sum alone, and show the lines as they are.",
    "The PDF of an invoice takes 900 ms: 700 of them load the fonts. They are loaded once now.",
    "Credit notes have their own numbers, beginning with C. The accountant asked for it.",
    "VAT of a delivery to Switzerland is zero, and the invoice has to say why.",
)


class Made(NamedTuple):
    """What tests look for."""

    ids: dict[str, str]
    directory: str
    session: str


def fill(person: Person, repository: RepositoryOnDisk, now: datetime | None = None) -> Made:
    """Fills every page. The repository is a project that the gateway sees."""
    now = now or datetime.now(UTC)
    directory = str(repository.root)
    session = person.done("init", working_directory=directory)
    project = session["project_context"]["name"]
    ids = _memories(person, project, now)
    person.done("checkpoint", session_id=session["session_id"], note="Declines are no longer retried", commit=False)
    person.done("quality_check", working_directory=directory)
    _permissions(person, directory)
    person.done("link_projects", source_project=project, target_project="invoices", description="share the ledger")
    _conversation(person, directory, now, project)
    gone = person.imports(
        [line("A note that was stored twice by mistake.", now - timedelta(hours=3), project="invoices")]
    )
    would = person.done("delete_conversations", ids=gone)
    person.done("delete_conversations", ids=gone, confirm=True, confirmation_token=would["confirmation_token"])
    backups = str(repository.root.parent / "backups")
    assert person.ask("POST", "/v1/backup", {"directory": backups}).status == 200
    return Made({**ids, "project": project}, directory, session["session_id"])


def _memories(person: Person, project: str, now: datetime) -> dict[str, str]:
    said = [
        line(text, now - timedelta(minutes=50 - 6 * place), project=project, session_id=CONVERSATION, role=role)
        | ({"metadata": {"files": ["payments/gateway.py", "tests/test_charge.py"]}} if role == "assistant" else {})
        for place, (role, text) in enumerate(_talk)
    ]
    invoices: list[dict[str, Any]] = [
        line(
            text, now - timedelta(days=3, minutes=-7 * place), project="invoices", session_id=EARLIER, role="assistant"
        )
        for place, text in enumerate(_invoices)
    ]
    insights = [
        line(text, now - timedelta(days=days), project=project, kind="reflection", tags=list(tags))
        for text, tags, days in _reflections
    ]
    ids = person.imports([*said, *invoices, *insights])
    flags = ids[len(said) + len(invoices) + 3]
    newer = person.done(
        "store_reflection",
        content="Feature flags come from the environment: the database was asked at each request.",
        tags=["decision"],
        project=project,
        replaces=[flags],
    )
    person.done("update_memory", id=ids[1], tags=["payments"])
    person.done("update_memory", id=ids[3], content=_talk[3][1] + " The schema checks it, too.")
    return {"asked": ids[0], "answer": ids[1], "edited": ids[3], "replaced": flags, "newer": newer["reflection_id"]}


def _permissions(person: Person, directory: str) -> None:
    allow = {"action": "permit", "operation": "Bash", "target": "pytest *", "scope": "project", "directory": directory}
    deny = {"action": "deny", "operation": "Bash", "target": "git push --force *", "scope": "always"}
    for decision in (allow, deny):
        assert person.ask("POST", "/v1/permissions", decision).status == 200
    wanted = {"operation": "Bash", "target": "npm run build", "decision": "allow", "scope": "project"}
    person.done("record_permission", **wanted, working_directory=directory)
    person.done(
        "check_permission", operation="Bash", target="git push --force origin main", working_directory=directory
    )


def _conversation(person: Person, directory: str, now: datetime, project: str) -> None:
    """One that begins, is told what is remembered, and goes on."""
    del now, project
    started = person.hook("SessionStart", CONVERSATION, directory, source="startup", tokens=1_500, within_ms=20_000)
    assert started.status in {200, 202}, started
    asked = "What did we decide about idempotency keys?"
    person.hook("UserPromptSubmit", CONVERSATION, directory, prompt=asked, prompt_tokens=400, within_ms=20_000)


def repository_at(directory: Path) -> RepositoryOnDisk:
    """A small project to work in."""
    made = RepositoryOnDisk(directory)
    made.git("config", "user.name", "Ada")
    made.git("config", "user.email", "ada@example.org")
    made.write("README.md", "# Checkout\n\nTakes payments.\n")
    made.write("pyproject.toml", '[project]\nname = "checkout"\nversion = "1.0"\n')
    made.write("payments/gateway.py", "def charge(order, key):\n    return order, key\n")
    made.write("tests/test_charge.py", "def test_charge():\n    assert True\n")
    made.commit()
    return made
