"""The container health check, run every few seconds: one `grpc.health.v1` call, or one HTTP request, in plain bytes.

Starting Python with gRPC takes 250 ms of processor time for each check of each container; this takes a tenth of it. It
is run as a file (`python -S container_probe.py HOST:PORT`, or `http://HOST:PORT/PATH`) and imports none of our modules.
If services use TLS, `services.kit.health.grpc_health` is the check.
"""

import os
import socket
import struct
import sys

TIMEOUT_S = 4.0
DATA, HEADERS, SETTINGS = 0x0, 0x1, 0x4
ACKNOWLEDGED, END_STREAM, END_HEADERS = 0x1, 0x1, 0x4
PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
SERVING = b"\0\0\0\0\2\x08\1"  # uncompressed, two bytes: field 1 is 1
FIELDS = {
    ":method": "POST",
    ":scheme": "http",
    ":path": "/grpc.health.v1.Health/Check",
    ":authority": "segue",
    "content-type": "application/grpc",
    "te": "trailers",
}


def frame(kind: int, flags: int, stream: int, payload: bytes = b"") -> bytes:
    """An HTTP/2 frame."""
    return struct.pack(">I", len(payload))[1:] + struct.pack(">BBI", kind, flags, stream) + payload


def literal(text: str) -> bytes:
    """An HPACK string, not Huffman-coded; at most 126 bytes."""
    return bytes([len(text)]) + text.encode()


def is_serving(host: str, port: int) -> bool:
    """Whether the service reports that it is serving."""
    head = b"".join(b"\0" + literal(name) + literal(value) for name, value in FIELDS.items())
    asked = frame(HEADERS, END_HEADERS, 1, head) + frame(DATA, END_STREAM, 1, b"\0\0\0\0\0")
    with socket.create_connection((host, port), TIMEOUT_S) as connection:
        connection.settimeout(TIMEOUT_S)
        connection.sendall(PREFACE + frame(SETTINGS, 0, 0) + asked)
        with connection.makefile("rb") as answer:
            while start := answer.read(9):
                size, kind, stream = int.from_bytes(start[:3], "big"), start[3], int.from_bytes(start[5:], "big")
                payload = answer.read(size)
                if kind == SETTINGS and not start[4] & ACKNOWLEDGED:
                    connection.sendall(frame(SETTINGS, ACKNOWLEDGED, 0))
                if kind == DATA and stream == 1:
                    return payload == SERVING
                if kind == HEADERS and start[4] & END_STREAM:  # an error without a body
                    return False
    return False


def is_ready(host: str, port: int, path: str) -> bool:
    """Whether a GET of the path returns 200."""
    with socket.create_connection((host, port), TIMEOUT_S) as connection:
        connection.settimeout(TIMEOUT_S)
        connection.sendall(f"GET /{path} HTTP/1.0\r\nHost: localhost\r\n\r\n".encode())
        with connection.makefile("rb") as answer:
            return answer.readline().split()[1:2] == [b"200"]


def main(target: str) -> int:
    """Runs the check; returns the exit code."""
    is_http = target.startswith("http://")
    place, _, path = target.removeprefix("http://").partition("/")
    host, _, port = place.rpartition(":")
    if os.environ.get("SEGUE_TLS_CA_FILE") and not is_http:
        command = [sys.executable, "-m", "services.kit.health.grpc_health", target]
        os.execv(sys.executable, command)  # noqa: S606  # there is no shell in it
    try:
        return 0 if (is_ready(host, int(port), path) if is_http else is_serving(host, int(port))) else 1
    except OSError as error:
        print(error)  # noqa: T201  # Docker shows it
        return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
