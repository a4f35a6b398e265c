"""`segue doctor`: stores, finds and removes a probe memory through the whole path, and says what it sees."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Iterator
from typing import Any
from uuid import uuid4

from services.cli import local_server
from services.cli.mcp_call import CallFailed, Gateway, gateway_url

_project = "segue-doctor"


def run(options: argparse.Namespace) -> int:
    """One line for each part; 1 if anything is broken."""
    del options
    sound = True
    for name, status, detail in _findings():
        sound = sound and status != "broken"
        print(f"{_sign[status]} {name}: {detail}", flush=True)
    print("Everything works." if sound else "Something is broken; see above.")
    return 0 if sound else 1


_sign = {"ok": "[ok]      ", "degraded": "[degraded]", "broken": "[broken]  "}
_status = {"healthy": "ok", "degraded": "degraded", "unhealthy": "broken"}


def _findings() -> Iterator[tuple[str, str, str]]:
    """Name, status and detail of each part."""
    where = "SEGUE_URL" if os.environ.get("SEGUE_URL") else str(local_server.default_data_dir())
    yield "configured", "ok", f"{where}, Python {sys.version.split()[0]}"
    try:
        gateway = Gateway(gateway_url())
        server = gateway.open()
    except (CallFailed, local_server.NotStarted, OSError) as error:
        yield "gateway", "broken", str(error)
        return
    yield "gateway", "ok", f"{gateway.url}, version {server.get('version', '?')}"
    try:
        yield from _parts(gateway.call("health_check"))
        yield "probe", *_probe(gateway)
        stats = gateway.call("reflection_stats")
        yield "memories", "ok", _counted(stats)
    except CallFailed as error:
        yield "gateway", "broken", str(error)


def _parts(health: dict[str, Any]) -> Iterator[tuple[str, str, str]]:
    for name, check in health["checks"].items():
        yield name, _status[check["status"]], check["reason"] or check["status"]


def _probe(gateway: Gateway) -> tuple[str, str]:
    """Stores a memory, finds it by its own words, and removes it."""
    mark = f"segue doctor probe {uuid4().hex}"
    probe = gateway.call("store_reflection", content=mark, project=_project)["reflection_id"]
    try:
        found = gateway.call("reflect_on_past", query=mark, project=_project, limit=1)
    finally:
        removed = _removed(gateway, probe)
    if probe not in [result["id"] for result in found["results"]]:
        return "broken", "a memory was stored and not found again"
    if not removed:
        return "broken", "a memory was stored and could not be removed"
    return "ok", f"stored, found in {found['took_ms']:.1f} ms ({found['search_strategy']}), removed"


def _removed(gateway: Gateway, id: str) -> bool:
    token = gateway.call("delete_conversations", ids=[id])["confirmation_token"]
    deleted = gateway.call("delete_conversations", ids=[id], confirm=True, confirmation_token=token)["deleted"]
    return bool(deleted == 1)


def _counted(stats: dict[str, Any]) -> str:
    count = stats["total_conversations"] + stats["total_reflections"]
    retention = f"; {stats['retention']}" if stats["retention"] else ""
    return f"{count:,} in {stats['projects_tracked']:,} projects, {stats['storage_size_mb']:.1f} MB{retention}"
