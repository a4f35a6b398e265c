"""Whether a person is at the terminal, for what only a person decides.

No proof: a program can make a terminal and read it. It keeps a model from deciding by an ordinary command.
"""

from __future__ import annotations

import os
import secrets
import sys

TERMINAL = "/dev/tty"
AGENT_SHELLS = ("CLAUDECODE", "GEMINI_CLI", "CURSOR_AGENT", "CODEX_SANDBOX")
"""Variables that coding agents set in the shells that they run commands in."""
answer_max_bytes = 64


class NobodyThere(Exception):
    """No person can be asked here; the message says what to do."""


def confirm_by_person(what: str) -> bool:
    """Whether whoever reads the terminal types the number that is shown with `what`. Raises NobodyThere."""
    if agent := next((name for name in AGENT_SHELLS if os.environ.get(name)), ""):
        raise NobodyThere(f"only a person decides this, and {agent} says that an agent runs here: run it elsewhere.")
    code = str(1000 + secrets.randbelow(9000))
    question = f"{what}\nType {code} to do so: "
    if os.name == "nt":
        return _confirm_on_stdin(question, code)
    try:
        terminal = os.open(TERMINAL, os.O_RDWR | os.O_CLOEXEC)
    except OSError:
        raise NobodyThere("only a person decides this: run it in a terminal.") from None
    try:
        os.write(terminal, question.encode("utf-8", "replace"))
        return os.read(terminal, answer_max_bytes).decode("utf-8", "replace").strip() == code
    finally:
        os.close(terminal)


def _confirm_on_stdin(question: str, code: str) -> bool:
    if not sys.stdin.isatty():
        raise NobodyThere("only a person decides this: run it in a terminal.")
    return input(question).strip() == code
