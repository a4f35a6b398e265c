"""How services verify that a call comes from one of Segue's own processes: a shared secret, certificates, or both.

If `SEGUE_SERVICE_SECRET_FILE` is missing, the first process creates it, so that services which share nothing but a
directory need no preparation. `SEGUE_TLS_CERT_FILE`, `SEGUE_TLS_KEY_FILE` and `SEGUE_TLS_CA_FILE` enable TLS on every
connection, with certificates on both sides, all for the name `segue`. Unix sockets need neither: their directory is
private.
"""

from __future__ import annotations

import hmac
import os
import secrets
import tempfile
from collections.abc import Mapping
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any

import grpc
import grpc.aio

from services.kit.errors import NotReady
from services.kit.transport.connections import Options, is_local

KEY = "segue-secret"
"""The metadata that carries the secret."""
secret_min_chars = 32
_tls_variables = ("SEGUE_TLS_CA_FILE", "SEGUE_TLS_KEY_FILE", "SEGUE_TLS_CERT_FILE")


@cache
def secret() -> str:
    """The secret that this process sends and expects; empty if none is set. NotReady if it is unavailable."""
    name = os.environ.get("SEGUE_SERVICE_SECRET_FILE")
    if not name:
        return ""
    path = Path(name)
    try:
        with suppress(FileExistsError):
            if not path.exists():
                _make(path)
        found = path.read_text(encoding="ascii").strip()
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or "it is not text"
        raise NotReady(f"SEGUE_SERVICE_SECRET_FILE cannot be read or made: {reason}.") from error
    if len(found) < secret_min_chars:
        raise NotReady(f"SEGUE_SERVICE_SECRET_FILE holds less than {secret_min_chars} characters.")
    return found


def _make(path: Path) -> None:
    """Creates a new secret at `path`, atomically; FileExistsError if another process was first."""
    descriptor, draft = tempfile.mkstemp(dir=path.parent)
    try:
        with os.fdopen(descriptor, "w") as file:
            file.write(secrets.token_hex(32))
            os.fchmod(descriptor, 0o444)  # access is controlled by the directory
        os.link(draft, path)
    finally:
        Path(draft).unlink()


def call_metadata() -> tuple[tuple[str, str], ...]:
    """The metadata that authenticates a call."""
    return ((KEY, secret()),) if secret() else ()


def is_trusted(metadata: Mapping[str, Any], expected: str) -> bool:
    """Whether a call carries the expected secret, if one is expected."""
    return not expected or hmac.compare_digest(str(metadata.get(KEY, "")).encode(), expected.encode())


def open_port(server: grpc.aio.Server, address: str) -> None:
    """Makes the server listen. RuntimeError if it cannot."""
    files = None if is_local(address) else _tls_files()
    if files is None:
        server.add_insecure_port(address)
        return
    authority, key, certificate = files
    server.add_secure_port(
        address, grpc.ssl_server_credentials([(key, certificate)], authority, require_client_auth=True)
    )


def channel(target: str, options: Options) -> grpc.aio.Channel:
    """A channel to `target`, which the caller closes."""
    files = None if is_local(target) else _tls_files()
    if files is None:
        return grpc.aio.insecure_channel(target, options=options)
    credentials = grpc.ssl_channel_credentials(*files)
    return grpc.aio.secure_channel(target, credentials, options=[*options, ("grpc.ssl_target_name_override", "segue")])


def _tls_files() -> tuple[bytes, bytes, bytes] | None:
    """CA, key and certificate; None if none is set, NotReady if some are missing or one cannot be read."""
    paths = [os.environ.get(name, "") for name in _tls_variables]
    if not any(paths):
        return None
    if not all(paths):
        raise NotReady(f"TLS between services needs all of {', '.join(_tls_variables)}.")
    try:
        authority, key, certificate = (Path(path).read_bytes() for path in paths)
    except OSError as error:
        raise NotReady(f"{error.filename} cannot be read: {error.strerror}.", "See SEGUE_TLS_….") from error
    return authority, key, certificate
