"""The table of Segue's hooks in Claude Code, from which the plugin and `segue install` are made.

A hook is registered in the form without a shell: the client runs the program itself, with arguments. Imports nothing,
because `segue hook` reads it at every start.
"""

from __future__ import annotations

MYPY = False
if MYPY:
    from collections.abc import Sequence

ON, OFF = "on", "off"
ANY_VERSION = (0,)
EXEC_FORM_SINCE = (2, 1, 197)
"""The oldest client seen to run a program with `args`; others get a command for their shell."""
OF_THE_CLIENT = (
    "AskUserQuestion|EnterPlanMode|ExitPlanMode|StructuredOutput|TodoRead|TodoWrite|ToolSearch"
    "|Task(Create|Get|List|Output|Stop|Update)"
)
"""Tools that only concern the client's own lists and dialogs: no rule is about them, and they touch no file."""
WITH_FILES = "Bash|PowerShell|WebFetch|Read|Edit|MultiEdit|Write|NotebookEdit|Agent|Task"
CLIENT_TIMEOUT_S = 5
"""After this the client gives up on a hook; a hook gives up on itself after a second."""
TIMEOUTS_S = {"PreToolUse": 30}
"""The same where a deny holds by the hook: on a machine that is so busy it is better to wait."""
PERMISSION_TOOLS = "mcp__.*__(record|revoke)_permission"


class Hook:
    """One event of the client: its purpose, how it is registered, and the setting that turns it off."""

    def __init__(
        self,
        purpose: str,
        setting: str,
        *,
        default: str = ON,
        matcher: str = "",
        asynchronous: bool = False,
        since: tuple[int, ...] = ANY_VERSION,
    ) -> None:
        self.purpose = purpose
        self.setting = setting
        self.default = default
        self.matcher = matcher
        self.asynchronous = asynchronous
        self.since = since


HOOKS = {
    "SessionStart": Hook(
        "begins the session; the last handoff, decisions, related memories and the last quality score go to the model",
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
        matcher=f"^(?!({OF_THE_CLIENT})$)",
    ),
    "PermissionRequest": Hook(
        "notes what you are asked about: the same command, address or file to read, allowed thrice, becomes a rule",
        "SEGUE_HOOK_PERMISSION_REQUEST",
        matcher=f"Bash|PowerShell|WebFetch|Read|{PERMISSION_TOOLS}",
        since=(2, 0, 45),
    ),
    "PostToolUse": Hook(
        "says that the session lives, and which files it touched",
        "SEGUE_HOOK_POST_TOOL_USE",
        matcher=f"^({WITH_FILES}|{PERMISSION_TOOLS})$",
        asynchronous=True,
    ),
    "PostToolUseFailure": Hook(
        "says that the session lives, and how long a tool ran that failed",
        "SEGUE_HOOK_POST_TOOL_USE_FAILURE",
        matcher=f"^({WITH_FILES}|{PERMISSION_TOOLS})$",
        asynchronous=True,
        since=EXEC_FORM_SINCE,
    ),
    "SubagentStart": Hook(
        "what was decided and corrected goes to the subagent",
        "SEGUE_HOOK_SUBAGENT_START",
        since=EXEC_FORM_SINCE,
    ),
    "PreCompact": Hook(
        "stores what is about to be compacted, and makes a checkpoint without a commit",
        "SEGUE_HOOK_PRE_COMPACT",
    ),
    "PostCompact": Hook(
        "keeps Claude Code's own summary of what was compacted, for the handoff",
        "SEGUE_HOOK_POST_COMPACT",
        since=EXEC_FORM_SINCE,
    ),
    "Stop": Hook("stores the new turns of the conversation", "SEGUE_HOOK_STOP"),
    "SessionEnd": Hook("stores the last turns, and ends the conversation with a handoff", "SEGUE_HOOK_SESSION_END"),
}


def settings(program: Sequence[str], version: tuple[int, ...] | None = None) -> dict[str, object]:
    """The client's `hooks` setting, where `program` followed by the event's name is what to run.

    A client older than a hook or than the form without a shell gets neither; `version` is None for a current one.
    """
    known = {event: hook for event, hook in HOOKS.items() if version is None or hook.since <= version}
    in_exec_form = version is None or version >= EXEC_FORM_SINCE
    return {event: [_entry(program, event, hook, in_exec_form)] for event, hook in known.items()}


def _entry(program: Sequence[str], event: str, hook: Hook, in_exec_form: bool) -> dict[str, object]:
    run: dict[str, object] = {"command": " ".join([*map(_quote, program), event])}
    if in_exec_form:
        run = {"command": program[0], "args": [*program[1:], event]}
    action = {
        "type": "command",
        **run,
        "timeout": TIMEOUTS_S.get(event, CLIENT_TIMEOUT_S),
        **({"async": True} if hook.asynchronous else {}),
    }
    return {**({"matcher": hook.matcher} if hook.matcher else {}), "hooks": [action]}


def _quote(word: str) -> str:
    """The word for a shell: as it is where it is plain, else between quotes that Windows' shells know as well."""
    if word and all(each.isalnum() or each in "/._-:+=@%" for each in word):
        return word
    return '"' + "".join(f"\\{each}" if each in '"\\$`' else each for each in word) + '"'
