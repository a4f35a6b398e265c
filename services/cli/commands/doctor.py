"""`segue doctor`: problems in plain words, with the command that fixes each."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator

from services.cli import local_server
from services.cli.checkup.client import client
from services.cli.checkup.finding import BROKEN, DEGRADED, Finding
from services.cli.checkup.machine import machine
from services.cli.checkup.server import server
from services.kit.systems import IS_SUPPORTED, UNSUPPORTED

_sign = {"ok": "[ok]      ", "degraded": "[degraded]", "broken": "[broken]  "}


def run(options: argparse.Namespace) -> int:
    """Prints one line for each check; 1 if anything is broken."""
    seen = []
    for finding in _findings():
        seen.append(finding)
        if not options.json:
            print(_line(finding), flush=True)
    broken = [each for each in seen if each.status == BROKEN]
    if options.json:
        print(json.dumps({"sound": not broken, "findings": [_fields(each) for each in seen]}, indent=2))
    else:
        print(_verdict(seen))
    return 1 if broken else 0


def _findings() -> Iterator[Finding]:
    if not IS_SUPPORTED:
        yield Finding("system", BROKEN, UNSUPPORTED, "wsl --install")
        return
    data_dir = local_server.default_data_dir()
    yield Finding("python", "ok", sys.version.split()[0])
    yield from machine(data_dir)
    yield from client(data_dir)
    yield from server(data_dir)


def _fields(finding: Finding) -> dict[str, str]:
    """The finding as scripts read it, who know its remedy as `mend`."""
    return {"name": finding.name, "status": finding.status, "detail": finding.detail, "mend": finding.remedy}


def _line(finding: Finding) -> str:
    remedy = f" {_arrow()} {finding.remedy}" if finding.remedy else ""
    return f"{_sign[finding.status]} {finding.name}: {finding.detail}{remedy}"


def _verdict(seen: list[Finding]) -> str:
    if any(each.status == BROKEN for each in seen):
        return f"Something is broken; after {_arrow()} stands what fixes it."
    if any(each.status == DEGRADED for each in seen):
        return f"It works; after {_arrow()} stands what would make it better."
    return "Everything works."


def _arrow() -> str:
    """As the terminal can show it."""
    try:
        "→".encode(sys.stdout.encoding or "utf-8")
    except (UnicodeEncodeError, LookupError):
        return "->"
    return "→"
