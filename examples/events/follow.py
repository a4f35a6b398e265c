#!/usr/bin/env python3
"""Follows your own events, and goes on where it stopped: follow.py [PLACE_FILE]. It needs Python alone."""

import json
import os
import sys
import time
from pathlib import Path
from urllib.error import URLError
from urllib.request import Request, urlopen

address = os.environ.get("SEGUE_URL", "http://127.0.0.1:8377/mcp").removesuffix("/mcp") + "/v1/events"
headers = {"Authorization": f"Bearer {os.environ['SEGUE_TOKEN']}"} if "SEGUE_TOKEN" in os.environ else {}
place_file = Path(sys.argv[1] if len(sys.argv) > 1 else "place")


def follow() -> None:
    """Prints each event of one connection; the place is written after the event, so that none is missed."""
    place = place_file.read_text() if place_file.exists() else "0"
    with urlopen(Request(f"{address}?after={place}", headers=headers), timeout=60) as stream:  # noqa: S310  # your own server
        for line in stream:
            name, _, value = line.decode().rstrip().partition(": ")
            if name == "id":
                place = value
            elif name == "data":
                event = json.loads(value)
                print(event["time"], event["type"], event["data"], flush=True)
                place_file.write_text(place)


while True:
    try:
        follow()
    except (URLError, TimeoutError, ConnectionError) as error:
        print(f"The stream ended: {error}; again in a second", file=sys.stderr)
    time.sleep(1)
