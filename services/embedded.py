"""One-process mode: the same apps in one event loop, the services on unix sockets in a private directory."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from pathlib import Path

from services.gateway.access.exposure import refuse_exposure
from services.gateway.app import GatewayApp, open_gateway
from services.gateway.config import GatewaySettings
from services.kit.backup import Part
from services.kit.observability.providers import providers
from services.kit.systems import can_bind
from services.memory.app import open_memory, open_vault
from services.memory.config import MemorySettings
from services.quality.app import open_quality
from services.quality.config import QualitySettings
from services.quality.storage.backup import QualityPart
from services.session.app import open_session
from services.session.config import SessionSettings
from services.session.operations.backup import SessionPart

SOCKET_PATH_MAX_BYTES = 103
"""The least that a system allows, which is macOS."""
NO_SOCKET_BELOW = frozenset("%,?#")
"""What gRPC takes for something else than a part of a socket's path."""


@contextmanager
def _sockets(data_dir: Path) -> Iterator[Path]:
    """A private directory for sockets. In the data directory, so that a server that is killed leaves none elsewhere."""
    directory = data_dir.absolute() / "run"
    path = str(directory / "session.sock")
    is_fit = len(os.fsencode(path)) <= SOCKET_PATH_MAX_BYTES and not NO_SOCKET_BELOW & set(path)
    if not (is_fit and _can_have_sockets(directory)):
        with tempfile.TemporaryDirectory(prefix="segue-") as name:  # made with mode 0700
            yield Path(name)
        return
    try:
        yield directory
    finally:
        shutil.rmtree(directory, ignore_errors=True)


def _can_have_sockets(directory: Path) -> bool:
    """Makes the directory; some file systems have no sockets."""
    shutil.rmtree(directory, ignore_errors=True)  # of one that was killed
    try:
        directory.mkdir(mode=0o700)
    except OSError:
        return False
    if can_bind(str(directory)):
        return True
    shutil.rmtree(directory, ignore_errors=True)
    return False


@asynccontextmanager
async def open_embedded(data_dir: Path, gateway: GatewaySettings) -> AsyncIterator[GatewayApp]:
    """All services on `data_dir` behind a gateway; on leaving, the gateway closes first."""
    refuse_exposure(gateway)  # before anything is made
    async with AsyncExitStack() as stack:
        stack.enter_context(providers("local"))  # before any service sets its own
        sockets = stack.enter_context(_sockets(data_dir))
        address = {name: f"unix:{sockets / name}.sock" for name in ("session", "memory", "quality")}
        session = SessionSettings(address=address["session"], directory=data_dir / "session")
        memory = MemorySettings(address=address["memory"], directory=data_dir / "memory")
        quality = QualitySettings(address=address["quality"], directory=data_dir / "quality")
        open_vault(memory)  # where that is refused, nothing of the others is begun
        await stack.enter_async_context(open_session(session))
        others: list[Part] = [] if session.redis_url.get_secret_value() else [SessionPart(session.home)]
        others += [] if quality.history_target else [QualityPart(quality.home)]
        await stack.enter_async_context(open_quality(quality))
        await stack.enter_async_context(open_memory(memory, others))
        targets = {f"{name}_target": each for name, each in address.items()}
        yield await stack.enter_async_context(open_gateway(gateway.model_copy(update=targets)))
