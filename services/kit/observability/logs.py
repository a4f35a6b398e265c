"""This process's logs: one JSON object per line, with its trace id, and without content of memories.

Our own messages are logged in full. Those of other packages are logged without values, which may be a request's.
"""

from __future__ import annotations

import json
import logging
import os
import re
import sys
import threading
from datetime import UTC, datetime
from types import TracebackType
from typing import Any

from opentelemetry import trace

_quiet = {"mcp": logging.WARNING, "uvicorn": logging.WARNING}
_told_whole = frozenset({"services", "__main__", "opentelemetry"})
"""Our own loggers, and those of the telemetry exporters: their values are addresses and statuses."""
_before_a_value = re.compile(r"[:(<\[{'\"\n]")
_told_max_chars = 200


class JsonFormatter(logging.Formatter):
    """One JSON object per line: time, level, logger, message, and the trace id."""

    def __init__(self, service: str) -> None:
        super().__init__()
        self._service = service

    def format(self, record: logging.LogRecord) -> str:
        """The record as one line."""
        line = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "service": self._service,
            "logger": record.name,
            "message": message(record),
        }
        context = trace.get_current_span().get_span_context()
        if context.is_valid:
            line["trace_id"] = trace.format_trace_id(context.trace_id)
            line["span_id"] = trace.format_span_id(context.span_id)
        return json.dumps(line | trouble(record))


def message(record: logging.LogRecord) -> str:
    """The record's message; without values if another package logged it."""
    if record.name.split(".")[0] in _told_whole:
        return record.getMessage()
    if record.args:
        return str(record.msg)
    return _before_a_value.split(str(record.msg), maxsplit=1)[0].strip()[:_told_max_chars]


def trouble(record: logging.LogRecord) -> dict[str, str]:
    """The class and the place of the error in the record, of a group those of the first error in it; empty without
    one."""
    error = record.exc_info[1] if record.exc_info else None
    if error is None:
        return {}
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return {"error": type(error).__name__, "at": _places(error.__traceback__)}


def _places(traceback: TracebackType | None) -> str:
    """The frames of the traceback, innermost last, without the error's text or source lines: both may hold content."""
    places = []
    while traceback is not None:
        code = traceback.tb_frame.f_code
        places.append(f"{os.path.relpath(code.co_filename)}:{traceback.tb_lineno} {code.co_name}")
        traceback = traceback.tb_next
    return " > ".join(places[-8:])


def start_logs(service: str, level: str = "INFO") -> None:
    """Writes all logs of this process, with warnings and errors of threads, to standard error as JSON."""
    os.environ.setdefault("GRPC_VERBOSITY", "NONE")  # gRPC's own lines are not JSON; callers log its errors
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonFormatter(service))
    # Messages on the root logger are not Segue's: onnxruntime's quantisation logs every node.
    handler.addFilter(lambda record: record.name != "root" or record.levelno >= logging.WARNING)
    logging.basicConfig(handlers=[handler], level=level, force=True)
    logging.captureWarnings(capture=True)
    threading.excepthook = _log_thread_failure
    for name, least in _quiet.items():
        logging.getLogger(name).setLevel(least)


def _log_thread_failure(failed: Any) -> None:
    info = (failed.exc_type, failed.exc_value, failed.exc_traceback)
    logging.getLogger(__name__).error("a thread ended", exc_info=info)
