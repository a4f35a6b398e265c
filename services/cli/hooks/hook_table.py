"""The table of Segue's hooks in Claude Code, from which the plugin and `segue install` are made.

Imports nothing, because `segue hook` reads it at every start.
"""

from __future__ import annotations

ON, OFF = "on", "off"


class Hook:
    """One event of the client: its purpose, how it is registered, and the setting that turns it off."""

    def __init__(
        self, purpose: str, setting: str, *, default: str = ON, matcher: str = "", asynchronous: bool = False
    ) -> None:
        self.purpose = purpose
        self.setting = setting
        self.default = default
        self.matcher = matcher
        self.asynchronous = asynchronous


HOOKS = {
    "SessionStart": Hook(
        "begins the session; the last handoff, decisions and related memories go to the model",
        "SEGUE_HOOK_SESSION_START",
    ),
    "UserPromptSubmit": Hook(
        "memories that belong to this prompt go to the model",
        "SEGUE_HOOK_USER_PROMPT_SUBMIT",
        default=OFF,
    ),
    "PreToolUse": Hook(
        "a tool runs unasked where you allowed it, not at all where you denied it; what destroys is asked",
        "SEGUE_HOOK_PRE_TOOL_USE",
        matcher="*",
    ),
    "PermissionRequest": Hook(
        "notes what you are asked about: the same command or address, allowed three times in a project, becomes a rule",
        "SEGUE_HOOK_PERMISSION_REQUEST",
        matcher="Bash|WebFetch|mcp__.*__(record|revoke)_permission",
    ),
    "PostToolUse": Hook(
        "says that the session lives, and which files it touched",
        "SEGUE_HOOK_POST_TOOL_USE",
        matcher="*",
        asynchronous=True,
    ),
    "PostToolUseFailure": Hook(
        "says that the session lives, and how long a tool ran that failed",
        "SEGUE_HOOK_POST_TOOL_USE_FAILURE",
        matcher="*",
        asynchronous=True,
    ),
    "SubagentStart": Hook(
        "what was decided and corrected goes to the subagent",
        "SEGUE_HOOK_SUBAGENT_START",
    ),
    "PreCompact": Hook(
        "stores what is about to be compacted, and makes a checkpoint without a commit",
        "SEGUE_HOOK_PRE_COMPACT",
    ),
    "PostCompact": Hook(
        "keeps Claude Code's own summary of what was compacted, for the handoff",
        "SEGUE_HOOK_POST_COMPACT",
    ),
    "Stop": Hook("stores the new turns of the conversation", "SEGUE_HOOK_STOP"),
    "SessionEnd": Hook("stores the last turns, and ends the conversation with a handoff", "SEGUE_HOOK_SESSION_END"),
}

CLIENT_TIMEOUT_S = 5
"""After this the client gives up on a hook; a hook gives up on itself after a second."""


def settings(command: str) -> dict[str, object]:
    """The client's `hooks` setting, where `command` followed by the event's name is what to run."""
    return {event: [_entry(command, event, hook)] for event, hook in HOOKS.items()}


def _entry(command: str, event: str, hook: Hook) -> dict[str, object]:
    action: dict[str, object] = {
        "type": "command",
        "command": f"{command} {event}",
        "timeout": CLIENT_TIMEOUT_S,
        **({"async": True} if hook.asynchronous else {}),
    }
    return {**({"matcher": hook.matcher} if hook.matcher else {}), "hooks": [action]}
