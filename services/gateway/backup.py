"""`POST /v1/backup`: has a backup written to a directory of the server's machine, for the machine's own user."""

from __future__ import annotations

import json

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from services.gateway.auth import Scope, current_caller
from services.gateway.backends import MemoryBackend
from services.gateway.bulk import status_of
from services.gateway.errors import failure
from services.kit.errors import InvalidInput
from services.pb import memory_pb2


class Backup:
    """The endpoint: `{"directory": an absolute path}` in the body, where the backup is in the answer."""

    def __init__(self, memory: MemoryBackend, timeout_s: float) -> None:
        self._memory = memory
        self._timeout_s = timeout_s

    async def __call__(self, request: Request) -> Response:
        """Answers when the backup is on the disk."""
        try:
            current_caller().require(Scope.ADMIN, "A backup")  # it holds everybody's memories
            asked = memory_pb2.BackupRequest(directory=_directory(await request.body()))
            made = await self._memory.call(self._memory.stub.Backup, asked, self._timeout_s)
        except Exception as error:
            content = failure(error)
            return JSONResponse(content, status_of(error, content["error_code"]))
        return JSONResponse({"path": made.path, "memories": made.memories, "bytes": made.bytes})


def _directory(body: bytes) -> str:
    try:
        directory = json.loads(body)["directory"]
    except (ValueError, KeyError, TypeError) as error:
        raise InvalidInput("The body names no directory.") from error
    if not isinstance(directory, str) or not directory or "\0" in directory:
        raise InvalidInput("The directory is no path.")
    return directory
