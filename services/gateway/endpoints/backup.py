"""`POST /v1/backup`: writes a backup to a directory on the server's machine, for the machine's own user."""

from __future__ import annotations

from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from services.gateway.access.identity import Scope, current_caller
from services.gateway.backends import MemoryBackend
from services.gateway.endpoints.json_requests import caller_mistakes, fields
from services.kit.errors import InvalidInput
from services.pb import memory_pb2


class Backup:
    """The endpoint: `{"directory": an absolute path}` in the body; the answer has the backup's path."""

    def __init__(self, memory: MemoryBackend, timeout_s: float) -> None:
        self._memory = memory
        self._timeout_s = timeout_s

    async def __call__(self, request: Request) -> Response:
        """Answers once the backup is on the disk."""
        return JSONResponse(await self.write((await fields(request)).get("directory")))

    async def write(self, given: object) -> dict[str, Any]:
        """Writes a backup below a directory; where it is, and how large."""
        current_caller().require(Scope.ADMIN, "A backup")  # it contains every user's memories
        directory = _directory(given)
        with caller_mistakes("directory"):
            asked = memory_pb2.BackupRequest(directory=directory)
        made = await self._memory.call(self._memory.stub.Backup, asked, self._timeout_s)
        return {"path": made.path, "memories": made.memories, "bytes": made.bytes}

    async def written(self) -> memory_pb2.ListBackupsResponse:
        """The backups that the server wrote, and its schedule."""
        current_caller().require(Scope.ADMIN, "The list of backups")
        asked = memory_pb2.ListBackupsRequest()
        answer: memory_pb2.ListBackupsResponse = await self._memory.call(self._memory.stub.ListBackups, asked)
        return answer


def _directory(directory: object) -> str:
    if directory is None:
        raise InvalidInput("The body names no directory.", 'Send {"directory": "/an/absolute/path"}.')
    if not isinstance(directory, str) or not directory or "\0" in directory:
        raise InvalidInput("The directory is not a path.")
    return directory
