"""A FastMCP server whose tools do nothing, in a process of its own: what calls are held against."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Literal

_CODE = """
import socket, sys, uvicorn
from fastmcp import FastMCP
mcp = FastMCP("x")
ten = [{"id": str(n), "content": "x" * 250, "score": 0.5} for n in range(10)]
@mcp.tool
def nothing() -> dict:
    return {}
@mcp.tool
def ten_results() -> dict:
    return {"results": ten}
s = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
s.bind(("127.0.0.1", 0))
s.listen()
print(s.getsockname()[1], flush=True)
is_least = sys.argv[1] == "least"
app = mcp.http_app(stateless_http=is_least, json_response=is_least)
uvicorn.Server(uvicorn.Config(app, log_config=None)).run([s])
"""


@contextmanager
def bare_server(form: Literal["usual", "least"] = "usual") -> Iterator[tuple[str, int]]:
    """Its address and process id; its tools are `nothing` and `ten_results`. The least that it can do is to answer in
    plain JSON and to keep no sessions."""
    process = subprocess.Popen([sys.executable, "-c", _CODE, form], stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout
        yield f"http://127.0.0.1:{process.stdout.readline().strip()}/mcp", process.pid
    finally:
        process.terminate()
        process.wait()
