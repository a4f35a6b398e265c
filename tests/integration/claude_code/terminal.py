"""The real client in a terminal of its own, as a person uses it: keys that are pressed, and a screen that is read."""

from __future__ import annotations

import fcntl
import json
import os
import pty
import re
import select
import signal
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pyte

from tests.hooked import Hooked
from tests.integration.claude_code.test_conversation import CLIENT
from tests.patience import PATIENCE_S

DOWN, UP, ENTER, TAB, ESCAPE, CLEAR = "\x1b[B", "\x1b[A", "\r", "\t", "\x1b", "\x15"
_control = re.compile(r"\x1b\[[0-9;?<>=]*[A-Za-z]|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)|\x1b[()][A-Z0-9]|\x1b[=>78]")
CURRENT, OLDER = "2.1.332", "2.1.197"
LINES, COLUMNS = 50, 140
KEY_S, SETTLES_S, LEAVES_S = 0.4, 1.0, 30.0
"""A person's pace, how long the screen must rest before the next key, and how long a closed client may still take."""


class Terminal:
    """A conversation with the client, whose model says what `steps` tell it."""

    def __init__(self, hooked: Hooked, version: str, steps: Sequence[dict[str, Any]], *arguments: str | Path) -> None:
        self._hooked = hooked
        self._written = ""
        self._screen = pyte.Screen(COLUMNS, LINES)
        self._stream = pyte.ByteStream(self._screen)
        self._shown_before = ""
        _accept_dialogs(hooked, version)
        script = hooked.home / "terminal.json"
        script.write_text(json.dumps(steps))
        command = [sys.executable, str(CLIENT / "scripted_model.py"), str(script)]
        self._model = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        assert self._model.stdout
        environment = _environment(hooked, int(self._model.stdout.readline()))
        program = _program(version)
        self._pid, self._terminal = pty.fork()
        if self._pid == 0:
            os.chdir(hooked.project)
            os.execve(program, [program, *map(str, arguments)], environment)
        fcntl.ioctl(self._terminal, termios.TIOCSWINSZ, struct.pack("HHHH", LINES, COLUMNS, 0, 0))
        self.wait_for("\u276f")

    def __enter__(self) -> Terminal:
        return self

    def __exit__(self, *_: object) -> None:
        self._model.kill()
        self._model.wait()
        os.kill(self._pid, signal.SIGHUP)
        deadline = time.monotonic() + LEAVES_S
        while os.waitpid(self._pid, os.WNOHANG) == (0, 0):
            if time.monotonic() > deadline:
                os.kill(self._pid, signal.SIGKILL)
            self._read(KEY_S)  # a client whose last words nobody reads does not end
            time.sleep(0.01)
        os.close(self._terminal)

    def press(self, *keys: str) -> None:
        """Presses keys, one after the other."""
        for key in keys:
            os.write(self._terminal, key.encode())
            self._read(KEY_S)

    def say(self, prompt: str, *answers: str) -> None:
        """Types a prompt, sends it, and waits for what the model says or the client asks."""
        self._begin_anew()
        self.press(prompt)
        self.wait_for(prompt[:30])
        self._begin_anew()
        self.press(ENTER)
        for answer in answers:
            self.wait_for(answer)

    def wait_for(self, text: str) -> str:
        """Waits until the text is on the screen, spacing aside, and the screen rests; what was written since the last.
        A client that draws anew only what differs writes no whole words, so that the screen itself counts, too."""
        wanted, deadline = "".join(text.split()), time.monotonic() + PATIENCE_S
        while wanted not in self.squeezed and (wanted in self._shown_before or wanted not in self._shown):
            assert time.monotonic() < deadline, f"{text!r} never shows: {self.squeezed[-2000:]}"
            assert self._read(KEY_S), f"the client has gone: {self.squeezed[-2000:]}"
        self._read(SETTLES_S)
        return self.squeezed

    @property
    def squeezed(self) -> str:
        """What was written since the last prompt, without spaces."""
        return "".join(_control.sub("", self._written).split())

    @property
    def _shown(self) -> str:
        """What is on the screen now, without spaces."""
        return "".join("".join(self._screen.display).split())

    def _begin_anew(self) -> None:
        self._written, self._shown_before = "", self._shown

    def matches(self, pattern: str) -> list[str]:
        """What of the screen's text, without spaces, the pattern names."""
        return re.findall(pattern, self.squeezed)

    def clear(self) -> None:
        """Begins anew, and waits until the hooks of both conversations are through: an older client loses what is typed
        before."""
        self.say("/clear")
        self._read(SETTLES_S)
        self._hooked.settle()
        self._read(SETTLES_S)

    def choose(self, option: str) -> None:
        """Moves to a numbered option of the dialog that is on the screen."""
        numbers = re.findall(rf"(\d)\.{re.escape(''.join(option.split()))}", self.squeezed)
        self.press(*[DOWN] * (int(numbers[-1]) - 1))

    def refuse(self, why: str) -> None:
        """Says no in the dialog that is on the screen, and why."""
        self.choose("No")
        self.press(TAB)
        self.wait_for("what to do differently")
        self.press(why)
        self.wait_for(why)
        self.press(ENTER)

    def leave(self) -> None:
        """Ends the conversation as the client's own command does, with all that its hooks left behind done."""
        self.say("/exit")
        deadline = time.monotonic() + PATIENCE_S
        while self._read(KEY_S):
            assert time.monotonic() < deadline, self.squeezed[-2000:]
        self._hooked.settle()

    def kill(self) -> None:
        """Kills the client, as a machine that goes off does; its hooks that run already do what they do."""
        os.kill(self._pid, signal.SIGKILL)
        self._hooked.settle()

    def _read(self, seconds: float) -> bool:
        """Reads what comes in the next moment; whether the client is still there."""
        until = time.monotonic() + seconds
        while (left := until - time.monotonic()) > 0:
            if not select.select([self._terminal], [], [], left)[0]:
                break
            try:
                data = os.read(self._terminal, 65536)
            except OSError:
                return False
            if not data:
                return False
            self._written += data.decode("utf-8", "replace")
            self._stream.feed(data)
        return True


def _program(version: str) -> str:
    environment = {**os.environ, "CLAUDE_CODE_VERSION": version}
    done = subprocess.run([CLIENT / "install"], env=environment, capture_output=True, text=True, check=True)
    return done.stdout.strip()


def pipe_prompt(hooked: Hooked, version: str, text: str, answer: str, *arguments: str | Path) -> None:
    """One conversation without a terminal, whose prompt comes from a pipe, as `command | claude -p`."""
    script = hooked.home / "piped.json"
    script.write_text(json.dumps([{"text": answer}]))
    command = [sys.executable, str(CLIENT / "scripted_model.py"), str(script)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as model:
        assert model.stdout
        try:
            environment = _environment(hooked, int(model.stdout.readline()))
            program = [_program(version), "-p", *map(str, arguments)]
            subprocess.run(
                program, cwd=hooked.project, env=environment, input=text, text=True, capture_output=True, check=True
            )
        finally:
            model.kill()
    hooked.settle()


def _environment(hooked: Hooked, port: int) -> dict[str, str]:
    fixed = {"IS_SANDBOX": "1", "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1", "DISABLE_AUTOUPDATER": "1"}
    model = {"ANTHROPIC_BASE_URL": f"http://127.0.0.1:{port}", "ANTHROPIC_API_KEY": "unused"}
    person = {"HOME": str(hooked.home), "PATH": os.environ["PATH"], "TERM": "xterm-256color", "LANG": "C.UTF-8"}
    return {**fixed, **model, **person}


def _accept_dialogs(hooked: Hooked, version: str) -> None:
    """The client asks a new user several things first; this one has answered them."""
    path = hooked.home / ".claude.json"
    settings = json.loads(path.read_text()) if path.exists() else {}
    project = {"hasTrustDialogAccepted": True, "hasCompletedProjectOnboarding": True, "allowedTools": []}
    settings |= {
        "hasCompletedOnboarding": True,
        "lastOnboardingVersion": version,
        "theme": "dark",
        "bypassPermissionsModeAccepted": True,
        "customApiKeyResponses": {"approved": ["unused"], "rejected": []},
        "projects": {**settings.get("projects", {}), str(hooked.project.resolve()): project},
    }
    path.write_text(json.dumps(settings))
