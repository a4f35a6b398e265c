"""`segue serve`: everything in one process, on this machine."""

from __future__ import annotations

import argparse
import asyncio
import gc
import os
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from services import __version__
from services.cli import installation, local_server
from services.cli.local_server import ServerInfo
from services.kit.errors import Unavailable
from services.kit.private_directory import private_directory
from services.kit.systems import bound_heaps, return_free_memory

if TYPE_CHECKING:
    from pydantic import ValidationError

    from services.gateway.app import GatewayApp
    from services.gateway.config import GatewaySettings

idle_exit_default_s = 30 * 60
_held_status = 3


def run(options: argparse.Namespace) -> int:
    """Serves until a signal; 3 if another server holds the data directory."""
    data_dir = local_server.default_data_dir()
    os.umask(0o077)  # files of a server are readable by their owner only
    try:
        with local_server.hold(private_directory(data_dir)):
            installation.note(data_dir)
            return _serve(data_dir, options)
    except local_server.AlreadyServing as error:
        print(f"segue: {error}.", file=sys.stderr)
        return _held_status
    except Unavailable as error:
        print(f"segue: {error.message} {error.suggestions[0]}", file=sys.stderr)
        return 1
    except OSError as error:
        print(f"segue: {data_dir} cannot be used: {error.strerror}. Set SEGUE_DATA_DIR.", file=sys.stderr)
        return 1


def _serve(data_dir: Path, options: argparse.Namespace) -> int:
    gc.disable()  # until it is ready, as in `run_until_signalled`: these are imports, too
    bound_heaps()
    import pydantic

    from services.gateway.config import GatewaySettings
    from services.kit.errors import ServiceError
    from services.kit.observability.logs import start_logs

    start_logs("embedded", "INFO" if options.background else "WARNING")
    try:
        # A client that started it finds it through server.json, so any free port will do.
        settings = GatewaySettings(host=options.host, port=0 if options.background else options.port)
        asyncio.run(_serve_until_stopped(data_dir, settings, background=options.background))
    except ServiceError as error:
        problem = local_server.lack_of_room(data_dir)
        said = (f"{problem}.",) if problem else (error.message, *error.suggestions)
        print(" ".join(("segue:", *said)), file=sys.stderr)
        return 1
    except pydantic.ValidationError as error:
        print("\n".join(_wrong_settings(error)), file=sys.stderr)
        return 1
    return 0


def _wrong_settings(error: ValidationError) -> Iterator[str]:
    """Each setting that cannot be, by its variable, and why; not its value, which may be a secret."""
    service = error.title.removesuffix("Settings").upper()
    for each in error.errors(include_input=False, include_url=False):
        name = "_".join(str(part) for part in each["loc"]).upper()
        variable = name if name.startswith("SEGUE_") else f"SEGUE_{service}_{name}".rstrip("_")
        yield f"segue: {variable}: {each['msg'].removeprefix('Value error, ')}"


async def _serve_until_stopped(data_dir: Path, settings: GatewaySettings, *, background: bool) -> None:
    from services.kit.lifecycle import run_until_signalled

    stop = asyncio.Event()
    await run_until_signalled(_open(data_dir, settings, stop, background=background), stop)


@asynccontextmanager
async def _open(
    data_dir: Path, settings: GatewaySettings, stop: asyncio.Event, *, background: bool
) -> AsyncIterator[GatewayApp]:
    """Runs the server, and announces it once it is ready; one started in the background exits when idle."""
    from services.embedded import open_embedded
    from services.kit.background_task import background_task

    async with open_embedded(data_dir, settings) as app:
        return_free_memory()  # the model and the index were read in other forms than they are kept in
        info = ServerInfo(os.getpid(), app.url, __version__, datetime.now(UTC).isoformat())
        local_server.publish(data_dir, info)
        if not background:
            print(_welcome(app.url, data_dir, settings.auth), flush=True)
            yield app
            return
        async with background_task("the idle exit", lambda: _leave_when_idle(app, stop)):
            yield app


async def _leave_when_idle(app: GatewayApp, stop: asyncio.Event) -> None:
    idle_exit_s = float(os.environ.get("SEGUE_IDLE_EXIT_S", idle_exit_default_s))
    while (left_s := idle_exit_s - app.idle_s()) > 0:  # noqa: ASYNC110  # how long to wait is known
        await asyncio.sleep(left_s)
    stop.set()


def _welcome(url: str, data_dir: Path, auth: str) -> str:
    segue = Path(sys.executable).with_name("segue")
    who = f"It requires authentication: make a token, and set SEGUE_TOKEN to it\n  {segue} token create NAME\n"
    return f"""\
Segue is ready at {url}
Its data is in {data_dir}

{who if auth == "tokens" else ""}\
Connect Claude Code, from another terminal, with
  {segue} install claude-code
See what it remembers, in a browser, with
  {segue} dashboard
Check the installation with
  {segue} doctor
Ctrl-C ends it."""
