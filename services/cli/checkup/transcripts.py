"""Checks Claude Code's transcripts: whether hooks still see conversations, and which transcripts are deleted soon."""

from __future__ import annotations

import json
import os
import shlex
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from itertools import islice
from pathlib import Path

from services.cli.checkup.finding import DEGRADED, OK, Finding, modification_times
from services.cli.clients import claude_code
from services.cli.clients.settings_file import NotOurs, SettingsFile
from services.cli.durations import ago
from services.cli.transfer.state import ImportState
from services.memory.imports.sources import SourceFile

KEPT_DAYS = 30
"""How long Claude Code keeps transcripts, where `cleanupPeriodDays` in its settings says nothing else."""
SOON_DAYS = 7
UNSEEN_S = 900
"""How much longer a conversation may go on than the last hook ran: a long answer runs none."""
TRANSCRIPTS_MAX = 20_000
DAY_S = 86_400


def transcripts_of(config_dir: Path) -> Mapping[Path, float]:
    """The conversations' transcripts, and when each was last written."""
    return modification_times(islice((config_dir / "projects").glob("*/*.jsonl"), TRANSCRIPTS_MAX))


def unseen(written: Mapping[Path, float], last_hook: float, now: float) -> Finding | None:
    """Whether a conversation went on without Segue's hooks; None where it did not."""
    latest = max(written.values(), default=0.0)
    if not last_hook or latest - last_hook < UNSEEN_S:
        return None
    detail = f"hooks ran last {ago(now - last_hook)}, but Claude Code wrote a conversation {ago(now - latest)}"
    return Finding(
        "firing", DEGRADED, detail, "segue import ~/.claude/projects  # then restart Claude Code, see /hooks"
    )


def deleted_soon(
    written: Mapping[Path, float], settings: Sequence[str], state: ImportState, now: float
) -> Iterator[Finding]:
    """Transcripts that Claude Code deletes within a week and that are not stored whole."""
    kept_days = kept_for_days(settings)
    due = {path: at + kept_days * DAY_S for path, at in written.items()}
    soon = {path: at for path, at in due.items() if at - now < SOON_DAYS * DAY_S and not _is_stored(path, state)}
    if not soon:
        return
    first = min(soon.values())
    day = "today" if first - now < DAY_S else time.strftime("%d %B", time.localtime(first))
    folders = sorted({str(path.parent) for path in soon})
    where = shlex.quote(folders[0]) if len(folders) == 1 else shlex.quote(str(Path(folders[0]).parent))
    detail = f"{len(soon)} not stored, and deleted by Claude Code from {day} (cleanupPeriodDays {kept_days})"
    yield Finding("transcripts", DEGRADED, detail, f"segue import {where}")


def expiring_here(state: ImportState) -> Iterator[Finding]:
    """The same for the transcripts of whoever runs this, by the client's settings for them and for this directory."""
    own = os.environ.get("CLAUDE_CONFIG_DIR")
    settings: list[str] = []
    for place in (claude_code.project_place(Path.cwd()), claude_code.user_place(Path.home(), own)):
        with suppress(NotOurs):
            settings.append(SettingsFile(place.settings).text)
    yield from deleted_soon(transcripts_of(Path(own or Path.home() / ".claude")), settings, state, time.time())


def kept_for_days(settings: Sequence[str]) -> int:
    """`cleanupPeriodDays` of the settings, the first that has it."""
    for text in settings:
        try:
            days = json.loads(text or "{}").get("cleanupPeriodDays")
        except (ValueError, AttributeError):
            continue
        if isinstance(days, int) and not isinstance(days, bool) and days >= 0:
            return days
    return KEPT_DAYS


def _is_stored(path: Path, state: ImportState) -> bool:
    try:
        status = path.stat()
    except OSError:
        return True  # it is gone already
    return not status.st_size or state.is_unchanged(SourceFile(path, status.st_size, status.st_mtime_ns, status.st_ino))


def version_finding(
    version: tuple[int, ...] | None, tried: tuple[tuple[int, ...], tuple[int, ...]], oldest: tuple[int, ...]
) -> Finding | None:
    """Whether the client is one that Segue knows; None where there is none to ask."""
    if version is None:
        return None
    name = ".".join(map(str, version))
    if version < oldest:
        return Finding("client", DEGRADED, f"Claude Code {name} has no plugins and not all hooks", "claude update")
    if version < tried[0]:
        return Finding("client", DEGRADED, f"Claude Code {name} gets the hooks that it knows", "claude update")
    newer = "; newer than Segue was tried with" if version > tried[1] else ""
    return Finding("client", OK, f"Claude Code {name}{newer}")
