"""Which programs a shell command runs, by Bash's own grammar: also within substitutions, loops, and other commands.

What the grammar does not understand is said to be so, and what the shell puts in only when it runs is `UNKNOWN` here.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache, lru_cache
from typing import TYPE_CHECKING, NamedTuple

from services.session.permissions.programs import (
    CARRIERS,
    RISKY,
    carried_command,
    is_shell_program,
    program_name,
    script_of,
    split_assignments,
)

if TYPE_CHECKING:
    from tree_sitter import Node, Parser

UNKNOWN = "\0"
"""Stands in a word for what is not known before the command runs."""
depth_max = 4
"""Of commands in the argument of another."""
calls_max = 200
carried_words_max = 20_000
"""Of all calls in the arguments of others."""
text_max_chars = 16_384
signs_max = 2500
"""Beyond it the grammar may take a second: what it does not understand costs it the square of the length."""
_signs = re.compile(r"[|&()<>\[\]@]")
_beyond_latin = re.compile(r"[^\0-\xff]")

_WORDS = frozenset(
    ("word", "number", "string", "raw_string", "ansi_c_string", "translated_string", "concatenation", "extglob_pattern")
)
_UNKNOWN = frozenset(
    (
        *("simple_expansion", "expansion", "command_substitution", "process_substitution", "arithmetic_expansion"),
        *("brace_expression", "special_variable_name", "array"),
    )
)
_REDIRECTS = frozenset({"file_redirect", "heredoc_redirect", "herestring_redirect"})
_OWN_INPUT = frozenset({"command", "command_substitution", "function_definition"})
"""What is within these reads nothing of a pipe around them."""
_READS = frozenset({"<", "<&", "<&-"})
_place_option = re.compile(r"(?:-[Ii]|--replace(?:-str)?=?)(.*)", re.DOTALL)
_unreadable = re.compile(r"[\0\r]|[^\s\\](?:\\\\)*\\\n\S")
"""What a shell drops or treats otherwise than the grammar, as a line that goes on within a word."""
_NOT_UNDERSTOOD = frozenset({"alias", "hash", "enable", "coproc"})
"""They change what names mean; and of the last the grammar knows nothing."""
_EVALUATES = frozenset(
    ("let", "declare", "typeset", "local", "readonly", "unset", "read", "mapfile", "readarray", "wait", "compgen")
)
"""What stands in brackets in their arguments the shell expands, also where it was quoted."""
_READS_WORDS = frozenset({"xargs", "parallel"})


@dataclass(frozen=True, slots=True)
class Call:
    """One program with its arguments: quotes taken away, `UNKNOWN` for what the shell puts in, globs as written."""

    words: tuple[str, ...]
    assigns: bool = False
    """Variables are set for it."""
    is_piped: bool = False
    """It reads what another program, or a text in the command, gives it."""
    fed: str | None = None
    """The text in the command that is its input."""
    carried: bool = False
    """It stands in the arguments of another call."""
    has_glob: bool = False

    @property
    def name(self) -> str:
        """The program's, without its directory."""
        return program_name(self.words[0]) if self.words else ""

    @property
    def is_known(self) -> bool:
        """Whether every word is known."""
        return not any(UNKNOWN in word for word in self.words)


@dataclass(frozen=True, slots=True)
class CommandLine:
    """All calls, the files that redirections write, and whether that is all there is to it."""

    calls: tuple[Call, ...]
    written: tuple[str, ...]
    is_understood: bool


def read_command(text: str) -> CommandLine:
    """The command line's calls, outer ones before those that they carry."""
    return _read_short(text) if len(text) <= text_max_chars else CommandLine((), (), False)


@lru_cache(maxsize=512)
def _read_short(text: str) -> CommandLine:
    return _read(text, 0, text_max_chars)


def _read(text: str, depth: int, left: int) -> CommandLine:
    """`left` is how many characters of commands in arguments are still read."""
    letters = _stand_ins(text)
    if letters is None or len(_signs.findall(text)) > signs_max:
        return CommandLine((), (), False)
    safe = text.translate({ord(each): letter for each, letter in letters.items()})
    root = _parser().parse(safe.encode("utf-8", "replace")).root_node
    calls: list[Call] = []
    written: list[str] = []
    is_understood = not (root.has_error or _unreadable.search(text))
    for spot in _spots(root):
        if len(calls) > calls_max:
            break
        node = spot.node
        if node.type == "command":
            calls.append(_call(spot))
        elif node.type in {"declaration_command", "unset_command"}:
            calls.append(Call((node.children[0].type, *(_word(each)[0] for each in node.named_children))))
        elif node.type == "test_command":
            calls.append(Call(("test",)))
            is_understood = is_understood and not _hides_substitution((node.text or b"").decode("utf-8", "replace"))
        elif node.type == "file_redirect":
            written += _write_targets(node)
        elif node.type in {"variable_assignment", "compound_statement"} and not _inner(node):
            is_understood = is_understood and node.type != "compound_statement"
    line = CommandLine(tuple(calls[:calls_max]), tuple(written), is_understood and len(calls) <= calls_max)
    return _with_carried(_with_originals(line, letters), depth, left)


def _stand_ins(text: str) -> dict[str, str] | None:
    """Letters of Latin-1 for all characters beyond it: for these the grammar reads past the end of a table of the C
    library, which may end this process. None where there are too few, or an escape may mean one of them."""
    others = dict.fromkeys(_beyond_latin.findall(text))
    free = [letter for letter in map(chr, range(0xC0, 0x100)) if letter not in text]
    return None if others and ("$'" in text or len(others) > len(free)) else dict(zip(others, free, strict=False))


def _with_originals(line: CommandLine, letters: Mapping[str, str]) -> CommandLine:
    back = str.maketrans({letter: other for other, letter in letters.items()})
    words = [tuple(word.translate(back) for word in call.words) for call in line.calls]
    fed = [call.fed and call.fed.translate(back) for call in line.calls]
    calls = [replace(each, words=its, fed=text) for each, its, text in zip(line.calls, words, fed, strict=True)]
    return replace(line, calls=tuple(calls), written=tuple(each.translate(back) for each in line.written))


@cache
def _parser() -> Parser:
    # Imported here: whoever only restores or rewrites a session store does without the grammar.
    import tree_sitter_bash
    from tree_sitter import Language, Parser

    return Parser(Language(tree_sitter_bash.language()))


class _Spot(NamedTuple):
    """A node with what is above it. Asking a node for its parent looks through the whole tree, so nobody does."""

    node: Node
    parent: Node | None
    is_piped: bool
    """It reads what another program writes."""


def _spots(root: Node) -> Iterator[_Spot]:
    """Every node, parents first, in order."""
    waiting = [_Spot(root, None, False)]
    while waiting:
        spot = waiting.pop()
        yield spot
        waiting.extend(reversed(list(_below(spot))))


def _below(spot: _Spot) -> Iterator[_Spot]:
    """The children: in a pipeline all but the first read from a pipe, and that one where the pipeline does."""
    node = spot.node
    is_first = node.type == "pipeline" and not _in_heredoc(spot)
    inherits = spot.is_piped and node.type not in _OWN_INPUT
    for child in node.children:
        yield _Spot(child, node, inherits or (node.type == "pipeline" and not is_first))
        is_first = is_first and not child.is_named


def _in_heredoc(pipeline: _Spot) -> bool:
    """`cat <<EOF | sh`: the grammar has the pipeline in the redirection."""
    return pipeline.parent is not None and pipeline.parent.type == "heredoc_redirect"


def _inner(node: Node) -> bool:
    """Whether a compound statement holds commands (and is no arithmetic)."""
    return node.type == "variable_assignment" or node.children[0].type == "{"


def _call(spot: _Spot) -> Call:
    node, parent = spot.node, spot.parent
    words: list[str] = []
    assigns = has_glob = False
    for child in (*node.children, *_surplus(node, parent)):
        if child.type == "variable_assignment":
            assigns = True
        elif child.type == "command_name":
            text, globs = _word(child.children[0])
            words.append(text)
            has_glob |= globs
        elif child.type in _WORDS | _UNKNOWN:
            text, globs = _word(child)
            words.append(text)
            has_glob |= globs
        elif child.type in _REDIRECTS:
            words += [_word(each)[0] for each in _arguments_in(child)]
    return Call(tuple(words), assigns, spot.is_piped, _standard_input(node, parent), has_glob=has_glob)


def _surplus(node: Node, parent: Node | None) -> Sequence[Node]:
    """Arguments that the grammar counts to a redirection behind the command: `git > file push`."""
    if parent is None or parent.type != "redirected_statement" or parent.child_by_field_name("body") != node:
        return []
    return [word for redirect in parent.children if redirect.type in _REDIRECTS for word in _arguments_in(redirect)]


def _arguments_in(redirect: Node) -> Sequence[Node]:
    words = [child for child in redirect.children if child.type in _WORDS | _UNKNOWN]
    return words if redirect.type == "heredoc_redirect" else words[1:]


def _standard_input(node: Node, parent: Node | None) -> str | None:
    """The text that the command itself gives the call to read, where it does."""
    around = parent.children if parent is not None and parent.type == "redirected_statement" else []
    for redirect in (*node.children, *around):
        if redirect.type == "herestring_redirect":
            return _word(redirect.named_children[-1])[0]
        if redirect.type == "heredoc_redirect":
            return _heredoc(redirect)
        if any(child.type == "process_substitution" for child in redirect.children):
            return UNKNOWN
    return None


def _heredoc(redirect: Node) -> str:
    start = next((child.text or b"" for child in redirect.children if child.type == "heredoc_start"), b"")
    body = next((child.text or b"" for child in redirect.children if child.type == "heredoc_body"), b"")
    text = body.decode("utf-8", "replace")
    is_quoted = any(quote in start for quote in (b"'", b'"', b"\\"))
    return text if is_quoted or not any(each in text for each in "$`\\") else UNKNOWN


def _write_targets(node: Node) -> Iterator[str]:
    operator = next((child.type for child in node.children if not child.is_named), "")
    target = next((_word(child)[0] for child in node.children if child.type in _WORDS | _UNKNOWN), "")
    is_descriptor = operator in {">&", ">&-"} and (target.isdecimal() or target in {"-", ""})
    if operator not in _READS and not is_descriptor:
        yield target


def _word(node: Node) -> tuple[str, bool]:
    """What the program gets for this word, and whether the shell would look for files by it."""
    text = (node.text or b"").decode("utf-8", "replace")
    if node.type == "translated_string":
        return _word(node.children[-1])
    if node.type == "concatenation":
        parts = [_word(child) for child in node.children]
        whole = "".join(part for part, _ in parts)
        return (UNKNOWN if _has_braces(text) else whole), any(globs for _, globs in parts)
    if node.type in _QUOTED:
        return _QUOTED[node.type](node, text), False
    return _unescape(text) if node.type in _WORDS else (UNKNOWN, False)


def _has_braces(word: str) -> bool:
    """Whether the shell may make several words of it, as of `{a,b}`."""
    _, opened, rest = word.partition("{")
    within, closed, _ = rest.rpartition("}")
    return bool(opened and closed) and ("," in within or ".." in within)


def _pieces(node: Node) -> Iterator[tuple[str, str]]:
    """A string's parts with what lies between them, which the grammar does not name."""
    at, source = 1, node.text or b""
    for child in node.children[1:-1]:
        start, end = child.start_byte - node.start_byte, child.end_byte - node.start_byte
        yield "string_content", source[at:start].decode("utf-8", "replace")
        yield child.type, source[start:end].decode("utf-8", "replace")
        at = end
    yield "string_content", source[at:-1].decode("utf-8", "replace")


def _in_quotes(piece: tuple[str, str]) -> str:
    kind, text = piece
    if kind != "string_content":
        return UNKNOWN
    plain, at = "", 0
    while at < len(text):
        if text[at] == "\\" and text[at + 1 : at + 2] in {"$", "`", '"', "\\", "\n"}:
            at += 1
            plain += "" if text[at] == "\n" else text[at]
        else:
            plain += text[at]
        at += 1
    return plain


def _unescape(text: str) -> tuple[str, bool]:
    if _has_braces(text):
        return UNKNOWN, False
    plain, at, globs = "", 0, False
    while at < len(text):
        if text[at] == "\\":
            at += 1
            plain += "" if text[at : at + 1] == "\n" else text[at : at + 1]
        else:
            globs |= text[at] in "*?["
            plain += text[at]
        at += 1
    return plain, globs


def _ansi(text: str) -> str:
    try:
        return text.encode("latin-1", "backslashreplace").decode("unicode_escape")
    except UnicodeDecodeError:
        return UNKNOWN


_QUOTED: Mapping[str, Callable[[Node, str], str]] = {
    "raw_string": lambda _, text: text[1:-1],
    "ansi_c_string": lambda _, text: _ansi(text[2:-1]),
    "string": lambda node, _: "".join(map(_in_quotes, _pieces(node))),
    "variable_name": lambda _, text: text,
    "variable_assignment": lambda _, text: text,
}


def calls_carried(words: Sequence[str]) -> tuple[Call, ...]:
    """A call of these words that another carries, and what it carries itself."""
    call = Call(tuple(words), carried=True)
    return _with_carried(CommandLine((call,), (), True), 1, text_max_chars).calls if words else ()


def _with_carried(line: CommandLine, depth: int, left: int) -> CommandLine:
    """With the calls that stand in arguments: of `env`, `xargs`, `find -exec`, and in the text for `bash -c`."""
    calls, written, is_understood = list(line.calls), list(line.written), line.is_understood
    words_left = carried_words_max
    for number, call in enumerate(calls):  # it grows meanwhile
        if number >= calls_max or words_left < 0:
            is_understood = False
            break
        is_understood = is_understood and _is_plain(call)
        for words in carried_command(call.words):
            assigned, rest = split_assignments(words)
            words_left -= len(rest)
            if rest:
                inner_call = replace(call, words=tuple(rest), assigns=call.assigns or assigned, carried=True)
                calls.append(_with_carrier(inner_call, call.words) if call.name in _READS_WORDS else inner_call)
        script = script_of(call.words)
        if script is None and call.fed is not None and (is_shell_program(call.name) or call.name in {"source", "."}):
            script = call.fed
        if script is None:
            continue
        left -= len(script)
        if UNKNOWN in script or depth >= depth_max or left < 0:
            is_understood = False
            continue
        inner = _read(script, depth + 1, left)
        calls += [replace(each, carried=True) for each in inner.calls]
        written += inner.written
        is_understood = is_understood and inner.is_understood
    return CommandLine(tuple(calls), tuple(written), is_understood)


def _is_plain(call: Call) -> bool:
    """Whether the call runs what its words say."""
    if call.name in _NOT_UNDERSTOOD:
        return False
    evaluates = call.name in _EVALUATES or (call.name in {"printf", "test", "["} and "-v" in call.words[:-1])
    return not evaluates or not any("$(" in word or "`" in word for word in call.words)


def _hides_substitution(test: str) -> bool:
    """Whether a text in a test, which may be arithmetic, has a substitution in quotes that then happens."""
    return any("$(" in quoted or "`" in quoted for quoted in re.findall(r"'([^']*)'", test))


def _with_carrier(call: Call, carrier: Sequence[str]) -> Call:
    """What `xargs` runs: more words follow, and stand for the place that is named in those that are there."""
    place = "{}"
    for option, value in zip(carrier, (*carrier[1:], ""), strict=True):
        if found := _place_option.fullmatch(option):
            place = found[1] or (value if option in {"-I", "--replace-str"} else place)
            break
    words = tuple(word.replace(place, UNKNOWN) for word in call.words)
    may_do_more = call.name in CARRIERS or call.name in RISKY or is_shell_program(call.name) or call.name == "segue"
    return replace(call, words=(*words, UNKNOWN) if may_do_more else words, has_glob=True)
