"""Calls between services: typed errors both ways, deadlines, the caller's identity, trace context.

A service raises a `ServiceError`; the server's interceptor turns it into a gRPC status, and `call`
turns that back into the same class at the other end.
"""

from __future__ import annotations

import json
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from contextvars import ContextVar
from typing import Any, TypeAlias, TypeVar, cast

import grpc
import grpc.aio
from google.protobuf.descriptor import ServiceDescriptor
from google.protobuf.message import Message
from grpc.aio import UnaryStreamMultiCallable, UnaryUnaryMultiCallable

from services.kit import errors
from services.kit.health.grpc_health import Health
from services.kit.observability import telemetry
from services.kit.observability.metrics_snapshot import TelemetryServicer
from services.kit.transport import service_auth
from services.kit.transport.connections import (
    IN_PROCESS,
    LOST,
    USER_KEY,
    Balancing,
    channel_options,
    is_local,
    server_options,
)
from services.kit.transport.in_process import InProcessChannel, InProcessServer
from services.pb import telemetry_pb2_grpc

logger = logging.getLogger(__name__)

deadline_min_s = 0.05
"""A call with less time left than this is refused: its answer would come too late."""

STATUS: Mapping[type[errors.ServiceError], grpc.StatusCode] = {
    errors.InvalidInput: grpc.StatusCode.INVALID_ARGUMENT,
    errors.NotFound: grpc.StatusCode.NOT_FOUND,
    errors.ProjectNotFound: grpc.StatusCode.NOT_FOUND,
    errors.AlreadyExists: grpc.StatusCode.ALREADY_EXISTS,
    errors.Conflict: grpc.StatusCode.ABORTED,
    errors.NotReady: grpc.StatusCode.FAILED_PRECONDITION,
    errors.LimitExceeded: grpc.StatusCode.RESOURCE_EXHAUSTED,
    errors.RateLimited: grpc.StatusCode.RESOURCE_EXHAUSTED,
    errors.TooLarge: grpc.StatusCode.RESOURCE_EXHAUSTED,
    errors.OverQuota: grpc.StatusCode.RESOURCE_EXHAUSTED,
    errors.Unauthenticated: grpc.StatusCode.UNAUTHENTICATED,
    errors.Denied: grpc.StatusCode.PERMISSION_DENIED,
    errors.Unavailable: grpc.StatusCode.UNAVAILABLE,
    errors.DeadlineExceeded: grpc.StatusCode.DEADLINE_EXCEEDED,
}
ERROR = {status: error for error, status in reversed(list(STATUS.items()))}  # several share a status: the general one
ERROR_NAMED = {error.__name__: error for error in STATUS}

Row = TypeVar("Row")


def row_of(table: Mapping[type[errors.ServiceError], Row], error: errors.ServiceError) -> Row:
    """The table's row for this error: by its class, else by the nearest base class."""
    return next(table[kind] for kind in type(error).__mro__ if kind in table)


def name_of(error: errors.ServiceError) -> str:
    """The name that other processes know: its class, or the nearest base class that they know."""
    return row_of(_name, error)


_name = {error: error.__name__ for error in STATUS}
_suggestions_key = "segue-suggestions-bin"
_error_key = "segue-error-bin"

caller: ContextVar[str] = ContextVar("caller")
"""The user on whose behalf the current call runs, as the gateway established it from credentials."""


class Internal(Exception):
    """A bug in the service called; the message is its trace id."""


Server: TypeAlias = grpc.aio.Server
ServicerContext: TypeAlias = "grpc.aio.ServicerContext[Any, Any]"
Request = TypeVar("Request", bound=Message)
Response = TypeVar("Response", bound=Message)


# --- the calling side ---------------------------------------------------------------------------


@asynccontextmanager
async def open_channel(
    target: str, *services: ServiceDescriptor, balancing: Balancing = "round_robin"
) -> AsyncIterator[grpc.aio.Channel]:
    """A channel to `target`: `host:port`, `dns:///name:port` for all replicas of that name, `ipv4:host:port,host:port`,
    `unix:/path`, or `in-process:name` for a server of this event loop.

    It connects, and reconnects, when it is used. Calls that were lost are repeated where `services` say they may be.
    """
    if target.startswith(IN_PROCESS):
        yield cast("grpc.aio.Channel", InProcessChannel(target, *services))
        return
    async with service_auth.channel(target, channel_options(target, *services, balancing=balancing)) as channel:
        yield channel


async def call(
    method: UnaryUnaryMultiCallable[Request, Response], request: Request, *, user: str, timeout_s: float
) -> Response:
    """Makes one call on behalf of `user`; raises the `ServiceError` that the service raised."""
    with _calling(method):
        return await method(request, timeout=_remaining_s(timeout_s), metadata=_metadata(user))


async def stream(
    method: UnaryStreamMultiCallable[Request, Response], request: Request, *, user: str, timeout_s: float
) -> AsyncIterator[Response]:
    """Like `call`, for a method that returns a stream."""
    with _calling(method):
        async for each in method(request, timeout=_remaining_s(timeout_s), metadata=_metadata(user)):
            yield each


@contextmanager
def _calling(method: Any) -> Iterator[None]:
    """Wraps an outgoing call: records its status, and raises our errors."""
    with telemetry.made_call(_path(method)) as call:
        try:
            yield
        except grpc.aio.AioRpcError as error:
            telemetry.record_status(call, error.code().name, faults=_not_ok)
            raise _as_service_error(error) from error
        telemetry.record_status(call, grpc.StatusCode.OK.name, faults=_not_ok)


def _path(method: Any) -> str:
    """The full name of a stub's method."""
    name: bytes = method._method  # noqa: SLF001  # gRPC has no other place for it
    return name.decode()


_not_ok = frozenset(status.name for status in grpc.StatusCode if status is not grpc.StatusCode.OK)


def _remaining_s(timeout_s: float) -> float:
    if timeout_s < deadline_min_s:
        raise errors.DeadlineExceeded("There is no time left for this call.")
    return timeout_s


def _metadata(user: str) -> tuple[tuple[str, str], ...]:
    return ((USER_KEY, user), *service_auth.call_metadata(), *telemetry.outgoing_trace())


def _as_service_error(error: grpc.aio.AioRpcError) -> Exception:
    details = error.details() or ""
    found = ERROR_NAMED.get((_trailer(error, _error_key) or b"").decode(), ERROR.get(error.code()))
    if error.code() in LOST and not _came_from_service(error):
        return errors.Unavailable("The service does not answer.", "Try again; `segue doctor` shows what is down.")
    if found is None:
        return Internal(details)
    if found is errors.LimitExceeded and not _came_from_service(error):  # gRPC's own limit on the message size
        return errors.TooLarge("The call, or its answer, is larger than services exchange.", "Ask for less at a time.")
    if found is errors.DeadlineExceeded:
        return found("The call took longer than its time limit.", "Try again, or ask for less.")
    return found(details, *_suggestions(error))


def _trailer(error: grpc.aio.AioRpcError, name: str) -> bytes | None:
    trailing: Any = error.trailing_metadata() or ()
    return next((value for key, value in trailing if key == name and isinstance(value, bytes)), None)


def _came_from_service(error: grpc.aio.AioRpcError) -> bool:
    return _trailer(error, _suggestions_key) is not None


def _suggestions(error: grpc.aio.AioRpcError) -> Sequence[str]:
    return [str(each) for each in json.loads(_trailer(error, _suggestions_key) or b"[]")]


# --- the serving side ---------------------------------------------------------------------------


class Interceptor(grpc.aio.ServerInterceptor):  # type: ignore[type-arg]  # generic in its stubs only
    """Wraps every call of a service: trust, deadline, identity, span, duration, and errors as statuses."""

    def __init__(self, secret: str = "") -> None:
        self._secret = secret

    async def intercept_service(
        self,
        continuation: Callable[[grpc.HandlerCallDetails], Awaitable[grpc.RpcMethodHandler[Any, Any]]],
        details: grpc.HandlerCallDetails,
    ) -> grpc.RpcMethodHandler[Any, Any]:
        """Wraps our methods, unary and streaming; the health service's are left alone."""
        handler = await continuation(details)
        if handler is None or details.method.startswith("/grpc."):
            return handler
        coding = (handler.request_deserializer, handler.response_serializer)
        if handler.unary_unary is not None:
            answer = self._around(details.method, handler.unary_unary)
            return grpc.unary_unary_rpc_method_handler(answer, *coding)
        behave: Any = handler.unary_stream
        return grpc.unary_stream_rpc_method_handler(self._around_stream(details.method, behave), *coding)

    def _around(self, method: str, behave: Callable[..., Awaitable[Any]]) -> Callable[..., Awaitable[Any]]:
        async def answer(request: Message, context: ServicerContext) -> Any:
            async with self._serve_call(method, context):
                return await behave(request, context)

        return answer

    def _around_stream(self, method: str, behave: Callable[..., AsyncIterator[Any]]) -> Callable[..., Any]:
        async def answer(request: Message, context: ServicerContext) -> AsyncIterator[Any]:
            async with self._serve_call(method, context):
                async for each in behave(request, context):
                    yield each

        return answer

    @asynccontextmanager
    async def _serve_call(self, method: str, context: ServicerContext) -> AsyncIterator[None]:
        """Serves one call: an exception in the block ends it with the matching status."""
        metadata = dict(context.invocation_metadata() or ())
        caller.set(str(metadata.get(USER_KEY, "")))
        with telemetry.served_call(method, metadata) as call:
            try:
                self._refuse_stranger(metadata)
                _refuse_without_time(context)
                _refuse_without_caller()
                yield
            except errors.ServiceError as error:
                status, message, suggestions = row_of(STATUS, error), error.message, error.suggestions
                name = name_of(error)
            except Exception:  # a bug: the caller gets only its trace id
                logger.exception("unexpected error in %s", method)
                status, message, suggestions = grpc.StatusCode.INTERNAL, telemetry.trace_id(), ()
                name = ""
            else:
                telemetry.record_status(call, grpc.StatusCode.OK.name, faults=telemetry.SERVER_FAULTS)
                return
            telemetry.record_status(call, status.name, faults=telemetry.SERVER_FAULTS)
        trailing = ((_suggestions_key, json.dumps(suggestions).encode()), (_error_key, name.encode()))
        await context.abort(status, message, trailing)

    def _refuse_stranger(self, metadata: Mapping[str, Any]) -> None:
        if not service_auth.is_trusted(metadata, self._secret):
            raise errors.NotReady(
                "The service accepts calls only from Segue's own processes.",
                "Give all of them the same SEGUE_SERVICE_SECRET_FILE.",
            )


def _refuse_without_time(context: ServicerContext) -> None:
    left_s = context.time_remaining()
    if left_s is None:
        raise errors.InvalidInput("Every call needs a deadline.")
    if left_s < deadline_min_s:
        raise errors.DeadlineExceeded("There is no time left for this call.")


def _refuse_without_caller() -> None:
    if not caller.get():
        raise errors.Unauthenticated("The call names no user.")


@asynccontextmanager
async def open_server(
    address: str, register: Callable[[grpc.aio.Server], None], health: Health, *, drain_s: float
) -> AsyncIterator[grpc.aio.Server]:
    """A server that has started on `address`; on exit, calls that have begun get `drain_s` to finish."""
    server = _server(address)
    register(server)
    telemetry_pb2_grpc.add_TelemetryServicer_to_server(TelemetryServicer(), server)
    await health.start(server)
    try:
        service_auth.open_port(server, address)
    except RuntimeError as error:
        raise errors.Unavailable(f"Cannot listen on {address}: is another server using it?") from error
    await server.start()
    try:
        yield server
    finally:
        await server.stop(drain_s)


def _server(address: str) -> grpc.aio.Server:
    interceptor = Interceptor("" if is_local(address) else service_auth.secret())
    if address.startswith(IN_PROCESS):
        return cast("grpc.aio.Server", InProcessServer(interceptor.intercept_service))
    return grpc.aio.server(interceptors=(interceptor,), options=server_options(address))
