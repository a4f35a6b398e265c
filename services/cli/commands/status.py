"""`segue status`: the current state at a glance; what is on this machine is shown even if no server runs."""

from __future__ import annotations

import argparse
import json
import os
import time
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

from services.cli import local_server
from services.cli.durations import ago
from services.cli.gateway.failures import plain
from services.cli.gateway.overview import NoOverview, overview
from services.cli.hooks.state_files import HOOKS_DIRECTORY
from services.kit.systems import canonical_path

ANSWER_TIMEOUT_S = 3.0
WIDTH = 10


def run(options: argparse.Namespace) -> int:
    """Prints one line for each; 1 if a configured gateway does not answer."""
    del options
    data_dir = local_server.default_data_dir()
    url, status = os.environ.get("SEGUE_URL") or _local(data_dir), 0
    if url:
        try:
            query = _query()
            _print(_report_lines(overview(url, ANSWER_TIMEOUT_S, **query).fields, url))
        except NoOverview as problem:
            _print([("server", f"{problem}. `segue doctor` says more")])
            status = 1
    else:
        _print([("server", "none runs; it is started when a client needs it")])
    _print(_on_this_machine(data_dir))
    return status


def _local(data_dir: Path) -> str | None:
    server = local_server.read_server(data_dir)
    return server.url if server else None


def _query() -> dict[str, str]:
    from services.workspace.git.first_commit import first_commit
    from services.workspace.project_identity import sighting_here

    midnight = datetime.now().astimezone().replace(hour=0, minute=0, second=0, microsecond=0)
    place = sighting_here(canonical_path("."), first_commit)
    return {"since": midnight.isoformat(), **({"place": json.dumps(place)} if place else {})}


def _score(quality: Any) -> str:
    """The score, of how many points, and what would be next; servers of earlier versions say less."""
    if summary := quality.get("summary"):
        return plain(summary.partition(". Next: ")[0])
    measured = 100 * quality.get("evidence_coverage", 1.0)
    return f"{quality['overall_score']:.0f} of the {measured:.0f} points that were measured"


def _report_lines(fields: Any, url: str) -> Iterator[tuple[str, str]]:
    yield (
        "server",
        f"{url}, version {fields['version']}" + (f", as {fields['user']}" if fields["user"] != "local" else ""),
    )
    for name in fields["unavailable"]:
        yield name, "does not answer"
    if fields["sessions_active"] is not None:
        yield "sessions", f"{fields['sessions_active']} active"
    if fields["memories"] is not None:
        last = f"; the last {_ago(fields['last_stored'])}" if fields["last_stored"] else ""
        yield "memories", f"{fields['memories_since']:,} today, {fields['memories']:,} in all{last}"
    if fields["quality"]:
        measured = _ago(fields["quality"]["timestamp"])
        yield "quality", f"{_score(fields['quality'])} in {fields['project']}, measured {measured}"
    if news := fields.get("project_news"):  # servers of earlier versions say nothing of it
        yield "project", plain(news)
    if fields["pending"]:
        yield "pending", f"{fields['pending']} to be stored once memory answers"
    for each in fields["degraded"]:
        yield "degraded", each


def _on_this_machine(data_dir: Path) -> Iterator[tuple[str, str]]:
    hooks = data_dir / HOOKS_DIRECTORY
    try:
        event, *given = (hooks / "injected").read_text(encoding="ascii", errors="replace").split()
        counts = dict(each.partition("=")[::2] for each in given)
        cost = f"{int(counts['tokens']):,} tokens, {counts['memories']} memories"
        if "characters" in counts:
            cost += f", {int(counts['characters']):,} characters"
        yield "injected", f"{cost}, by {event} {_since((hooks / 'injected').stat().st_mtime)}"
    except (OSError, ValueError, KeyError):
        yield "injected", "nothing yet"
    waiting = sum(1 for _ in hooks.glob("spool/*/*.json"))
    if waiting:
        yield "waiting", f"{waiting} events of hooks, for a server"


def _ago(time_iso: str) -> str:
    return _since(datetime.fromisoformat(time_iso).timestamp())


def _since(timestamp: float) -> str:
    return ago(time.time() - timestamp)


def _print(lines: Any) -> None:
    for name, text in lines:
        print(f"{name:<{WIDTH}}{text}")
