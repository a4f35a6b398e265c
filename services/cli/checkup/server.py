"""Checks the gateway: whether it is running, is the right one, accepts this user, and works, also with a probe."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

from services import __version__
from services.cli import local_server
from services.cli.checkup.finding import BROKEN, DEGRADED, MAKE_ROOM, OK, Finding
from services.cli.checkup.projects import projects
from services.cli.durations import ago
from services.cli.gateway.mcp_call import CallFailed, Gateway, start_timeout_s
from services.cli.gateway.overview import NoOverview, Overview, overview
from services.kit.names import PROBE_PROJECT

ANSWER_TIMEOUT_S = 10.0
SKEW_MAX_S = 30.0
EXPIRES_SOON_S = 7 * 86_400
STATUS = {"healthy": OK, "degraded": DEGRADED, "unhealthy": BROKEN}
RESTART = "segue stop  # the next call starts it again"
LET_IN = "segue token create {user}  # by who runs the gateway; then set SEGUE_TOKEN or SEGUE_TOKEN_FILE"
UNREADABLE = "memories that cannot be read, and are not found; segue delete removes them: "
"""The memory service's line in `degraded` begins like this and ends with their ids."""
REMEDIES = {
    "file_system": "df -h",
    "embedding_service": "segue stop  # at the next start the model is rebuilt if it is missing",
    "cache": "redis-cli ping  # on the server's machine",
    "index": "",  # it recovers by itself
    "room": "segue prune  # where the sessions are kept; shows what would go",
}


def server(data_dir: Path, start_timeout_s: float = start_timeout_s) -> Iterator[Finding]:
    """All checks of the gateway; the first one that fails may end them."""
    url = os.environ.get("SEGUE_URL")
    try:
        address = url or local_server.ensure_server(data_dir, start_timeout_s).url
    except (local_server.NotStarted, OSError) as problem:
        yield Finding("server", BROKEN, f"it does not start: {' '.join(str(problem).split())}", "segue serve")
        return
    try:
        found = overview(address, ANSWER_TIMEOUT_S)
    except NoOverview as problem:
        yield _refusal_finding(problem, is_local=url is None)
        return
    yield Finding("server", OK, f"{address} answers, version {found.fields['version']}")
    yield from _skews(found, is_local=url is None)
    yield from _token(found.fields)
    yield from _parts(address, is_local=url is None)
    yield from _memories(found.fields)
    yield from projects()


def _refusal_finding(problem: NoOverview, *, is_local: bool) -> Finding:
    remedy = RESTART if is_local else "echo $SEGUE_URL  # is it right, and does it run?"
    if problem.status == 401:
        return Finding("token", BROKEN, str(problem), LET_IN.format(user="NAME"))
    if problem.status == 404:
        return Finding("server", BROKEN, f"{problem}: an older version, or no Segue", remedy)
    return Finding("server", BROKEN, str(problem), remedy)


def _skews(found: Overview, *, is_local: bool) -> Iterator[Finding]:
    """Differences between here and there: versions, clocks."""
    version = found.fields["version"]
    if version != __version__:
        remedy = RESTART if is_local else "git pull && make setup  # or have the gateway upgraded"
        yield Finding("version", DEGRADED, f"the server has {version}, this command {__version__}", remedy)
    if found.clock:
        skew_s = (found.clock - datetime.now(UTC)).total_seconds()
        ahead = "ahead of" if skew_s > 0 else "behind"
        if abs(skew_s) > SKEW_MAX_S:
            detail = f"the server's is {abs(skew_s):,.0f} seconds {ahead} this machine's; times will be wrong"
            yield Finding("clock", DEGRADED, detail, "timedatectl set-ntp true  # on the one that is wrong")
        else:
            yield Finding("clock", OK, "the same here and there")


def _token(fields: Mapping[str, Any]) -> Iterator[Finding]:
    if fields["user"] == "local" and not os.environ.get("SEGUE_URL"):
        return
    who = f"{fields['user']}, scope {fields['scope']}"
    if not fields["expires_at"]:
        yield Finding("token", OK, f"you are {who}; it does not expire")
        return
    left_s = datetime.fromisoformat(fields["expires_at"]).timestamp() - time.time()
    days = f"{left_s / 86_400:.0f} days" if left_s > 86_400 else f"{max(left_s, 0) / 3_600:.0f} hours"
    remedy = LET_IN.format(user=fields["user"]) if left_s < EXPIRES_SOON_S else ""
    yield Finding("token", DEGRADED if remedy else OK, f"you are {who}; it expires in {days}", remedy)


def _parts(address: str, *, is_local: bool) -> Iterator[Finding]:
    """Each part of each service, and a probe memory through all of them."""
    try:
        gateway = Gateway(address)
        gateway.open()
        for name, check in gateway.call("health_check")["checks"].items():
            status = STATUS[check["status"]]
            remedy = "" if status == OK else REMEDIES.get(name, RESTART if is_local else "docker compose logs")
            yield Finding(name, status, check["reason"] or check["status"], remedy)
        yield _probe(gateway)
    except CallFailed as problem:
        yield _failure_finding(problem, is_local=is_local)


def _failure_finding(problem: CallFailed, *, is_local: bool) -> Finding:
    """The finding for a failed call: a limit is no fault of the gateway."""
    if problem.reason == "over_quota":
        return Finding("quota", DEGRADED, f"over quota, nothing new is stored: {problem}", MAKE_ROOM)
    if problem.reason == "later":
        return Finding("rate", DEGRADED, str(problem), "segue doctor  # once that time is over")
    return Finding("gateway", BROKEN, str(problem), RESTART if is_local else "docker compose logs gateway")


def _probe(gateway: Gateway) -> Finding:
    """Stores a memory, finds it by its own words, and removes it."""
    mark = f"segue doctor probe {uuid4().hex}"
    probe = gateway.call("store_reflection", content=mark, project=PROBE_PROJECT)["reflection_id"]
    try:
        found = gateway.call("reflect_on_past", query=mark, project=PROBE_PROJECT, limit=1)
    finally:
        removed = _remove_probe(gateway, probe)
    if probe not in [result["id"] for result in found["results"]]:
        return Finding("probe", BROKEN, "a memory was stored and not found again", RESTART)
    if not removed:
        return Finding("probe", BROKEN, "a memory was stored and could not be removed", RESTART)
    took = f"stored, found in {found['took_ms']:.1f} ms ({found['search_strategy']}), removed"
    return Finding("probe", OK, took)


def _remove_probe(gateway: Gateway, id: str) -> bool:
    token = gateway.call("delete_conversations", ids=[id])["confirmation_token"]
    deleted = gateway.call("delete_conversations", ids=[id], confirm=True, confirmation_token=token)["deleted"]
    return bool(deleted == 1)


def _memories(fields: Mapping[str, Any]) -> Iterator[Finding]:
    if fields["memories"] is None:
        return
    if not fields["last_stored"]:
        yield Finding("memories", OK, "none yet; `segue import ~/.claude/projects` imports earlier conversations")
        return
    age_s = time.time() - datetime.fromisoformat(fields["last_stored"]).timestamp()
    kept = f"; {fields['retention']}" if fields["retention"] else ""
    yield Finding("memories", OK, f"{fields['memories']:,}, the last stored {ago(age_s)}{kept}")
    for ids in (each.removeprefix(UNREADABLE) for each in fields["degraded"] if each.startswith(UNREADABLE)):
        yield Finding(
            "memories", DEGRADED, f"{len(ids.split())} cannot be read, and are not found", f"segue delete {ids}"
        )
    if fields["pending"]:
        detail = f"{fields['pending']} wait to be stored: memory did not answer, or had no room"
        yield Finding("pending", DEGRADED, detail, "segue status")
