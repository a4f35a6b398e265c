"""Calls within a process: the stubs, servicers and interceptor of calls between processes, without a socket.

A message is handed over as it is. So whoever has sent one does not change it, and whoever gets one owns it.
"""

from __future__ import annotations

import asyncio
import contextvars
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Sequence
from dataclasses import dataclass
from typing import Any, NoReturn, TypeAlias

import grpc
import grpc.aio
from google.protobuf.descriptor import ServiceDescriptor
from google.protobuf.message import Message

from services.kit.transport.connections import (
    LOST,
    first_backoff_s,
    message_max_bytes,
    repeatable_methods,
    tries_max,
)

Metadata: TypeAlias = Sequence[tuple[str, str | bytes]]
Handler: TypeAlias = "grpc.RpcMethodHandler[Any, Any]"
Intercept: TypeAlias = Callable[[Callable[[Any], Awaitable[Any]], Any], Awaitable[Any]]

_servers: dict[str, InProcessServer] = {}
"""Those that serve now, by their address."""
_end = object()


class Aborted(BaseException):
    """A servicer has ended its call with a status; nobody catches it on the way, as it is no error of the work."""

    def __init__(self, status: grpc.StatusCode, message: str, trailing: Metadata) -> None:
        super().__init__(message)
        self.status, self.message, self.trailing = status, message, trailing


@dataclass(frozen=True, slots=True)
class CallDetails:
    """What an interceptor is told of a call."""

    method: str
    invocation_metadata: Metadata = ()


@dataclass(frozen=True, slots=True)
class CallContext:
    """What a servicer may ask of a call: the part of gRPC's context that ours use."""

    metadata: Metadata
    ends_at: float | None

    @classmethod
    def of(cls, metadata: Metadata, timeout_s: float | None) -> CallContext:
        """Of a call that begins now."""
        return cls(metadata, None if timeout_s is None else time.monotonic() + timeout_s)

    def invocation_metadata(self) -> Metadata:
        """What was sent beside the request."""
        return self.metadata

    def time_remaining(self) -> float | None:
        """The seconds until the deadline; None without one."""
        return None if self.ends_at is None else max(self.ends_at - time.monotonic(), 0.0)

    async def abort(self, status: grpc.StatusCode, message: str = "", trailing: Metadata = ()) -> NoReturn:
        """Ends the call with a status."""
        raise Aborted(status, message, trailing)


class InProcessServer:
    """The part of `grpc.aio.Server` that ours use."""

    def __init__(self, intercept: Intercept) -> None:
        self._intercept = intercept
        self._generic: list[Any] = []
        self._handlers: dict[str, Handler | None] = {}
        self._running: set[asyncio.Task[Any]] = set()
        self._address = ""

    def add_generic_rpc_handlers(self, handlers: Sequence[Any]) -> None:
        """Adds the methods of a service; generated code calls this."""
        self._generic += handlers

    def add_registered_method_handlers(self, service: str, handlers: Any) -> None:
        """The same methods once more, which gRPC finds faster this way; they are found already."""

    def add_insecure_port(self, address: str) -> None:
        """Where it will be found. RuntimeError if another is there."""
        if address in _servers:
            raise RuntimeError(f"{address} is taken")
        self._address = address

    async def start(self) -> None:
        """Takes calls from now on."""
        _servers[self._address] = self

    async def stop(self, grace: float | None) -> None:
        """Takes none from now on; those that have begun get `grace` seconds."""
        if _servers.get(self._address) is self:
            del _servers[self._address]
        if self._running and grace:
            await asyncio.wait(self._running, timeout=grace)
        for task in self._running:
            task.cancel()
        if self._running:
            await asyncio.wait(self._running)

    async def handler(self, method: str) -> Handler:
        """The method's, within the interceptor; AioRpcError if there is none of that name."""
        if method not in self._handlers:
            self._handlers[method] = await self._intercept(self._find, CallDetails(method))
        found = self._handlers[method]
        if found is None:
            raise _error(grpc.StatusCode.UNIMPLEMENTED)
        return found

    async def _find(self, details: CallDetails) -> Handler | None:
        return next((found for each in self._generic if (found := each.service(details))), None)

    def begin(self, work: Coroutine[Any, Any, Any]) -> asyncio.Task[Any]:
        """Runs a call's work as a task, to which the caller's context is as unknown as in another process."""
        task = asyncio.get_running_loop().create_task(work, context=contextvars.Context())
        self._running.add(task)
        task.add_done_callback(self._running.discard)
        return task


class InProcessChannel:
    """The part of `grpc.aio.Channel` that stubs use; where nobody serves, its calls end with UNAVAILABLE.

    Calls that were lost are repeated where `services` say they may be.
    """

    def __init__(self, address: str, *services: ServiceDescriptor) -> None:
        self._address = address
        self._repeatable = {f"/{service}/{name}" for service, name in repeatable_methods(services)}

    def unary_unary(self, method: str, *_: Any, **__: Any) -> UnaryCall:
        """What a stub calls for a method with one answer."""
        return UnaryCall(self._address, method, tries_max if method in self._repeatable else 1)

    def unary_stream(self, method: str, *_: Any, **__: Any) -> StreamCall:
        """What a stub calls for a method with a stream of answers."""
        return StreamCall(self._address, method)


class _Call:
    def __init__(self, address: str, method: str) -> None:
        self._address = address
        self._name = method
        self._method = method.encode()  # where gRPC's own have it

    async def _server(self, request: Message) -> tuple[InProcessServer, Handler]:
        if (server := _servers.get(self._address)) is None:
            raise _error(grpc.StatusCode.UNAVAILABLE)
        _refuse_large(request)
        return server, await server.handler(self._name)


class UnaryCall(_Call):
    """A method with one answer."""

    def __init__(self, address: str, method: str, tries: int) -> None:
        super().__init__(address, method)
        self._tries = tries

    async def __call__(
        self, request: Message, *, timeout: float | None = None, metadata: Metadata = (), **_: Any
    ) -> Message:
        """The answer; AioRpcError as from a channel. A servicer that lets the deadline pass is not waited for."""
        context = CallContext.of(metadata, timeout)
        for number in range(1, self._tries):
            try:
                return await self._answer(request, context)
            except grpc.aio.AioRpcError as error:
                left_s = context.time_remaining()
                pause_s = first_backoff_s * 2 ** (number - 1)
                if error.code() not in LOST or (left_s is not None and left_s < pause_s):
                    raise
                await asyncio.sleep(pause_s)
        return await self._answer(request, context)

    async def _answer(self, request: Message, context: CallContext) -> Message:
        server, handler = await self._server(request)
        behave: Any = handler.unary_unary
        task = server.begin(behave(request, context))
        try:
            await asyncio.wait((task,), timeout=context.time_remaining())
        except asyncio.CancelledError:
            _leave(task)
            raise
        if not task.done():
            _leave(task)
            raise _error(grpc.StatusCode.DEADLINE_EXCEEDED)
        answer: Message = _outcome(task.result)
        _refuse_large(answer)
        return answer


class StreamCall(_Call):
    """A method with a stream of answers."""

    async def __call__(
        self, request: Message, *, timeout: float | None = None, metadata: Metadata = ()
    ) -> AsyncIterator[Message]:
        """The answers; AioRpcError as from a channel."""
        server, handler = await self._server(request)
        context = CallContext.of(metadata, timeout)
        behave: Any = handler.unary_stream
        answers: asyncio.Queue[Any] = asyncio.Queue()
        task = server.begin(_pass_on(behave(request, context), answers))
        try:
            while (answer := await _next(answers, context)) is not _end:
                yield answer
            await asyncio.wait((task,))
            _outcome(task.result)
        finally:
            _leave(task)


async def _pass_on(made: AsyncIterator[Message], answers: asyncio.Queue[Any]) -> None:
    try:
        async for each in made:
            answers.put_nowait(each)
    finally:
        answers.put_nowait(_end)


async def _next(answers: asyncio.Queue[Any], context: CallContext) -> Any:
    try:
        return await asyncio.wait_for(answers.get(), context.time_remaining())
    except TimeoutError:
        raise _error(grpc.StatusCode.DEADLINE_EXCEEDED) from None


def _leave(task: asyncio.Task[Any]) -> None:
    """Ends a call that nobody waits for; what it raises then is for nobody."""
    if not task.done():
        task.add_done_callback(lambda ended: ended.cancelled() or ended.exception())
        task.cancel()


def _outcome(result: Callable[[], Any]) -> Any:
    """The result of a call that has ended; AioRpcError where it ended otherwise."""
    try:
        return result()
    except Aborted as aborted:
        raise _error(aborted.status, aborted.message, aborted.trailing) from None
    except asyncio.CancelledError:  # the server is stopping
        raise _error(grpc.StatusCode.CANCELLED) from None
    except Exception as error:
        raise _error(grpc.StatusCode.UNKNOWN) from error


def _refuse_large(message: Message) -> None:
    if message.ByteSize() > message_max_bytes:
        raise _error(grpc.StatusCode.RESOURCE_EXHAUSTED)


def _error(status: grpc.StatusCode, message: str = "", trailing: Metadata = ()) -> grpc.aio.AioRpcError:
    return grpc.aio.AioRpcError(status, grpc.aio.Metadata(), grpc.aio.Metadata(*trailing), message, None)
