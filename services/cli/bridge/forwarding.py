"""Forwards every message of a client to a gateway over Streamable HTTP, and the responses to the client.

The bridge answers requests itself only when no gateway can, or not yet: while the local server starts, it answers the
handshake and lists from stored ones, and makes the real handshake when there is a server. It supports both versions of
the protocol: the one with a handshake, whose session id it stores, renews after a restart and ends, and 2026-07-28,
where requests are stateless.
"""

from __future__ import annotations

import contextlib
import json
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from http.client import HTTPResponse
from typing import NamedTuple

from services.cli.bridge import messages
from services.cli.bridge.client import ClientGone, Output, note
from services.cli.bridge.directories import Directories
from services.cli.bridge.exchange import TRANSPORT_ERRORS, Exchange, refusal, replies
from services.cli.bridge.messages import (
    Failure,
    Message,
    Session,
    SessionLost,
    Unanswered,
    Undelivered,
    encode,
    error,
    routing,
)
from services.cli.bridge.repeating import Repeating
from services.cli.bridge.stored_lists import TOOLS, StoredLists
from services.cli.directory.reporter import Reporter
from services.cli.gateway.credentials import BadToken, credentials
from services.cli.local_server import SERVE_COMMAND, NotStarted, default_data_dir, ensure_server, read_server

IN_FLIGHT_MAX = 64
ORDERED_TIMEOUT_S = 10.0  # for messages without an answer: stdin is not read meanwhile
RETRY_PAUSE_S, RETRY_PAUSE_MAX_S = 0.05, 1.0
REPEATS_MAX = 2  # of a request that may have been carried out: it may be what crashes the gateway
LISTEN_PAUSE_S, LISTEN_PAUSE_MAX_S = 1.0, 30.0
FINISH_TIMEOUT_S = 0.8  # for running calls, then for ending the session: clients kill two seconds after closing stdin
INTERRUPTED = (502, 503, 504)  # a proxy's answers while its gateway is down


class Timeouts(NamedTuple):
    """Timeouts in seconds."""

    start_s: float = 120.0
    """For the local server, which is started if it is not running; a client that waits for less cancels its call."""
    restart_s: float = 10.0
    """For another gateway that was reachable before."""
    silence_s: float = 60.0
    """For a keepalive from a gateway that is working on a request; it sends one every 15 seconds."""


TIMEOUTS = Timeouts()


class Call:
    """A request in flight, which may be cancelled."""

    def __init__(self, message: Message) -> None:
        self.message = message
        self.id = message["id"]
        self.is_handshake = message["method"] == "initialize"
        self.version = messages.standalone_version(message)
        self.cancelled = False
        self.passed_on = False
        self.repeats = 0
        self.done = threading.Event()
        self.exchange: Exchange | None = None

    def cancel(self) -> bool:
        """Cancels the call; whether that is enough: a stateless call ends by hanging up, others need a notification."""
        self.cancelled = True
        if self.version and self.exchange:
            self.exchange.abort()
        return self.version is not None


class Bridge:
    """Connects the stdin and stdout of one client with a gateway; without a URL, the local one."""

    def __init__(
        self, url: str | None, serve_command: Sequence[str] = SERVE_COMMAND, timeouts: Timeouts = TIMEOUTS
    ) -> None:
        self._url, self._serve_command, self._timeouts = url, serve_command, timeouts
        self._session: Session | None = None
        self._reached = False
        self._handshake_over = threading.Event()
        self._handshake_over.set()
        self._in_flight: dict[str, Call] = {}
        self._repeating, self._output = Repeating(), Output()
        self._directories = Directories(lambda message: self._output.write(encode(message)))
        self._reporter = Reporter(self._directories.current, identify=url is not None)
        self._renewal = threading.Lock()
        self._lists = StoredLists(default_data_dir())
        self._deferred_handshake: Message | None = None
        """The handshake that the client has an answer to, and the gateway has not seen."""
        self._handshake_lock = threading.Lock()
        self._is_warming = False

    def forward(self, lines: Iterable[bytes]) -> None:
        """Forwards all lines, gives running calls a moment to finish, and ends the session."""
        with contextlib.suppress(ClientGone):
            for line in lines:
                if line.strip():
                    self._receive(line)
        self._close()

    def _receive(self, line: bytes) -> None:
        """Handles a line of stdin: a request gets a thread; anything else is sent before the next line is read."""
        try:
            message = json.loads(line)
        except (ValueError, RecursionError):
            return self._output.write(encode(error(None, messages.PARSE_ERROR, "not a line of JSON")))
        if not isinstance(message, dict) or not isinstance(message.get("method", ""), str):
            return self._output.write(encode(error(None, messages.INVALID_REQUEST, "not a JSON-RPC message")))
        if "method" not in message and self._directories.takes_answer(message):
            return None
        if "method" not in message or "id" not in message:
            self._notify(message)
            return self._directories.notice(message.get("method"))
        if question := self._directories.question(message):
            return self._output.write(encode(question))
        return self._begin(Call(self._directories.without_answer(message)))

    def _close(self) -> None:
        deadline = time.monotonic() + FINISH_TIMEOUT_S
        for call in list(self._in_flight.values()):
            call.done.wait(max(0.0, deadline - time.monotonic()))
        if self._session and self._session.id:
            headers = routing({}, self._session)
            with contextlib.suppress(Failure):  # a gateway that is down has already ended it
                Exchange(self._address(start=False), FINISH_TIMEOUT_S).send("DELETE", headers | _credentials()).close()

    def _begin(self, call: Call) -> None:
        if len(self._in_flight) >= IN_FLIGHT_MAX:
            return self._fail(call, f"{IN_FLIGHT_MAX} requests are in flight; repeat this one when some are answered")
        self._in_flight[json.dumps(call.id)] = call
        if call.is_handshake:  # later messages need the session; the end of stdin must still be noticed meanwhile
            self._directories.begin(call.message)
            self._handshake_over = call.done
        return threading.Thread(target=self._serve, args=(call,), daemon=True).start()

    def _serve(self, call: Call) -> None:
        """Makes sure that the request is answered, whatever happens."""
        try:
            if stored := self._stored_answer(call):
                self._output.write(encode(stored))
            else:
                self._deliver(call)
        except Failure as failure:
            self._fail(call, str(failure))
        except Exception as problem:  # a bug here must not leave the client waiting
            self._fail(call, f"the bridge failed: {type(problem).__name__}")
        finally:
            self._in_flight.pop(json.dumps(call.id), None)
            call.done.set()

    def _stored_answer(self, call: Call) -> Message | None:
        """The answer to give while the local server starts, which then is started; None if a gateway is to answer."""
        if self._url or not self._is_starting(call):
            return None
        answer = self._lists.answer(call.message)
        if answer is None:
            return None
        if call.is_handshake:
            self._deferred_handshake = call.message
        self._repeating.learn(call.message, answer)
        if not self._is_warming:
            self._is_warming = True
            threading.Thread(target=self._warm_up, daemon=True).start()
        return answer

    def _is_starting(self, call: Call) -> bool:
        """Whether no server is there yet for this client. One that restarts later is waited for."""
        if self._deferred_handshake:
            return True
        begins = call.is_handshake or (call.version and not self._reached)
        return bool(begins) and read_server(default_data_dir()) is None

    def _warm_up(self) -> None:
        """Starts the server, makes the handshake with it, and says so if it shows other tools than the stored ones."""
        try:
            self._address(start=True)
            self._settle_handshake()
            listed: list[Message] = []
            self._post(
                Call({"jsonrpc": "2.0", "id": "segue-tools", "method": TOOLS, "params": {}}),
                self._session,
                lambda line: listed.append(json.loads(line)),
            )
        except (Failure, SessionLost, ValueError) as problem:
            note(f"the local server does not answer yet: {problem}")
        else:
            tools = next((each["result"].get("tools") for each in listed if "result" in each), None)
            if tools is not None and self._lists.remember(tools) and self._session:
                self._output.write(encode({"jsonrpc": "2.0", "method": "notifications/tools/list_changed"}))
        finally:
            self._is_warming = False

    def _settle_handshake(self) -> None:
        """Makes the handshake that the gateway has not had yet; of several calls, the first one does."""
        with self._handshake_lock:
            if not self._deferred_handshake:
                return
            self._post(Call({**self._deferred_handshake, "id": "segue-handshake"}), None, lambda _: None)
            if self._session is not None:
                self._deferred_handshake = None
                self._notify({"jsonrpc": "2.0", "method": "notifications/initialized"})

    def _deliver(self, call: Call) -> None:
        """Sends the request until it is answered, even if the gateway restarts and loses the session."""
        if not call.is_handshake:
            self._handshake_over.wait()
        # A gateway that was never reachable more likely has a wrong address than a restart.
        patience_s = self._timeouts.restart_s if self._reached else 0.0
        deadline = time.monotonic() + (patience_s if self._url else self._timeouts.start_s)
        pause_s = RETRY_PAUSE_S
        while not call.cancelled:
            try:
                return self._attempt(call)
            except Failure as failure:
                if not self._may_repeat(call, failure) or time.monotonic() + pause_s >= deadline:
                    raise
            time.sleep(pause_s)
            pause_s = min(2 * pause_s, RETRY_PAUSE_MAX_S)
        return None

    def _may_repeat(self, call: Call, failure: Failure) -> bool:
        if isinstance(failure, Unanswered):
            call.repeats += 1
            return call.repeats <= REPEATS_MAX and not call.passed_on and self._repeating.allows(call.message)
        return isinstance(failure, Undelivered)

    def _attempt(self, call: Call) -> None:
        """Sends the request, and once more in a new session if the gateway lost the earlier one."""
        self._settle_handshake()
        session = self._session
        try:
            return self._post(call, session, self._output.write)
        except SessionLost:
            if session is None:
                raise
        self._renew(session)
        return self._post(call, self._session, self._output.write)

    def _post(self, call: Call, session: Session | None, write: Callable[[bytes], None]) -> None:
        """Sends the request once and passes responses on, up to its answer."""
        call.exchange = exchange = Exchange(self._address(start=True), self._timeouts.silence_s)
        if call.cancelled:  # cancelled before there was an exchange to abort
            return None
        call.message = self._reporter.prepare(call.message)
        headers = routing(call.message, session)
        with exchange.send("POST", headers | _credentials(), encode(call.message)) as response:
            self._reached = True
            if response.status == 404 and "Mcp-Session-Id" in headers:
                raise SessionLost(exchange.url)
            if response.status in INTERRUPTED:
                raise Unanswered(exchange.url, f"{response.status} {response.reason}")
            if response.status != 200:
                return write(encode(refusal(response, exchange.url, call.id)))
            if self._relay(call, exchange.url, response, write):
                return None
        return self._post(call, session, write)

    def _relay(self, call: Call, url: str, response: HTTPResponse, write: Callable[[bytes], None]) -> bool:
        """Whether the call is finished; otherwise it must be sent again, with what the gateway wants from here."""
        try:
            for line, message in replies(response):
                answered = "method" not in message and message.get("id") == call.id
                outcome = message
                if answered:
                    self._learn(call, response, message)
                    outcome = self._reporter.outcome(call.message, message)
                if answered and "method" in outcome:
                    call.message = outcome
                    return False
                call.passed_on = True
                write(line if outcome is message else encode(outcome))
                if answered:
                    return True
        except TRANSPORT_ERRORS as problem:
            raise Unanswered(url, problem) from problem
        raise Unanswered(url, "the stream ended")

    def _learn(self, call: Call, response: HTTPResponse, answer: Message) -> None:
        """Reads what the bridge itself needs from an answer: the session, and which tools are safe to repeat."""
        self._repeating.learn(call.message, answer)
        if call.is_handshake and "result" in answer:
            version = answer["result"].get("protocolVersion")
            self._session = Session(response.headers.get("Mcp-Session-Id"), version, call.message)

    def _renew(self, lost: Session) -> None:
        """Repeats the client's handshake; of the calls that lost the same session, the first one does."""
        with self._renewal:
            if self._session is lost:
                try:
                    self._post(Call({**lost.handshake, "id": "segue-renewal"}), None, lambda _: None)
                except Unanswered as failure:  # the request for that session was not sent
                    raise Undelivered(self._url or "the local server", failure) from failure
                if self._session is not lost:
                    self._notify({"jsonrpc": "2.0", "method": "notifications/initialized"})

    def _notify(self, message: Message) -> None:
        """Sends a message that gets no answer. It belongs to the current session: none is started or renewed for it."""
        method = message.get("method", "an answer")
        if method == "notifications/cancelled" and self._cancel_call(message.get("params")):
            return
        self._handshake_over.wait()
        session = self._session
        if session is None:  # there is no gateway yet that the message could mean anything to
            return
        try:
            exchange = Exchange(self._address(start=False), min(ORDERED_TIMEOUT_S, self._timeouts.silence_s))
            with exchange.send("POST", routing(message, session) | _credentials(), encode(message)) as response:
                if response.status >= 300:
                    note(f"{method} was refused with {response.status}")
        except (Failure, RecursionError) as failure:
            note(f"{method} is lost: {failure}")
        if method == "notifications/initialized":
            threading.Thread(target=self._listen, args=(session,), daemon=True).start()

    def _cancel_call(self, params: object) -> bool:
        call = self._in_flight.get(json.dumps(params.get("requestId"))) if isinstance(params, dict) else None
        return call is not None and call.cancel()

    def _listen(self, session: Session) -> None:
        """Passes on the gateway's own messages, if it offers them, during the session."""
        pause_s = LISTEN_PAUSE_S
        while self._session is session:
            heard = False
            try:
                exchange = Exchange(self._address(start=False), self._timeouts.silence_s)
                with exchange.send("GET", routing({}, session) | _credentials()) as response:
                    if response.status == 405:
                        return
                    if response.status == 404 and session.id:
                        time.sleep(pause_s)
                        self._renew(session)
                    for line, _ in replies(response) if response.status == 200 else ():
                        heard = True
                        self._output.write(line)
            except (Failure, *TRANSPORT_ERRORS):
                pass  # retried
            pause_s = LISTEN_PAUSE_S if heard else min(2 * pause_s, LISTEN_PAUSE_MAX_S)
            time.sleep(pause_s)

    def _address(self, *, start: bool) -> str:
        if self._url:
            return self._url
        data_dir, timeout_s = default_data_dir(), self._timeouts.start_s
        try:
            server = ensure_server(data_dir, timeout_s, self._serve_command) if start else read_server(data_dir)
        except (NotStarted, OSError) as problem:
            raise Failure(f"the local server cannot be started: {problem}") from problem
        if server is None:
            raise Undelivered("the local server", "it is not running")
        return server.url

    def _fail(self, call: Call, message: str) -> None:
        if not call.cancelled:
            self._output.write(encode(error(call.id, messages.FAILED, message)))


def _credentials() -> dict[str, str]:
    try:
        return credentials()
    except BadToken as problem:
        raise Failure(str(problem)) from None
