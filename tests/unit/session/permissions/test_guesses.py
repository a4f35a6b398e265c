"""What is denied is not passed by through another program's words, a variable or a pipe: Bash itself runs these."""

from __future__ import annotations

from pathlib import Path

import pytest

from services.session.domain.command_risk import decides_rules
from services.session.permissions.guesses import guessed_calls
from services.session.permissions.shell import text_max_chars
from tests.growth import growth
from tests.unit.session.book import Book
from tests.unit.session.domain.test_equal_commands import book, pushes, stubs  # noqa: F401  # a fixture

DENIED = [
    *("g=git; $g push o", "p=push; git $p o", 'a=(git push o); "${a[@]}"', 'set -- git push o; "$@"'),
    *('x="git push o"; eval "$x"', "x='git push o'; bash -c \"$x\"", "x='git push o'; $x", "eval -- git push o"),
    *(
        "printf 'git push o' | sh",
        "echo git push o | bash -s",
        "cat <<'X' | sh\ngit push o\nX",
        "trap -- 'git push o' 0",
    ),
    *("source /dev/stdin <<< 'git push o'", ". /dev/stdin <<X\ngit push o\nX", "bash -c '$0 push o' git"),
    *('bash -c \'"$0" "$@"\' git push o', "sh -c 'git \"$1\" o' _ push", "bash -c 'eval \"$0 $@\"' git push o"),
    *("env -S'git push o'", "env --split-string='git push o'", "env -vS 'git push o'", "/usr/bin/env -S git push o"),
    *('env - PATH="$PATH" STUB_LOG="$STUB_LOG" git push o', "! ! git push o", "coproc X { git push o; }; wait"),
    *(
        "setarch -R git push o",
        "setpriv git push o",
        "flock in -c 'git push o'",
        "mapfile -C 'git push o #' -c1 x < in",
    ),
    *("compgen -C 'git push o'", "let 'x=a[$(git push o; echo 1)]'", "[[ 'a[$(git push o; echo 1)]' -eq 1 ]]"),
    *(
        "declare 'a[$(git push o; echo 1)]=1'",
        "printf -v 'a[$(git push o; echo 1)]' x",
        "git -c alias.p=push p; git push",
    ),
    *("perl -e 'system(\"git push o\")'", 'perl -e \'exec "git","push","o"\'', "awk 'BEGIN{system(\"git push o\")}'"),
    *("awk 'BEGIN{\"git push o\" | getline}'", "python3 -c 'import os; os.system(\"git push o\")'"),
    *('python3 -c \'import subprocess; subprocess.run(["git","push","o"])\'', "make -f - <<< 'a:;git push o'"),
    *(
        "script -qc 'git push o' /dev/null",
        "python3 - <<E\nimport os\nos.system('git push o')\nE",
        "true $(eval git push)",
    ),
    *("tar cf /dev/null --checkpoint=1 --checkpoint-action=exec='git push o' in", "find in -exec sh -c 'git push' \\;"),
]
NOT_ALLOWED = [
    *("xargs git <<< 'push o'", "echo push o | xargs git", "echo push | xargs -I@ git @ o", "gi{t,} push o"),
    *("echo git push o | xargs -L1 env", "echo 'git push o' | xargs -I{} sh -c '{}'", "{git,push,o}", "git pu[s]h o"),
    *(
        'f() { git "$@"; }; f push o',
        "$(command -v git) push o",
        "read -r x <<< 'git push o'; $x",
        "git $(echo push) o",
    ),
    *("sed '1e git push o' in", "IFS=,; x=git,push,o; $x", "printf -v x 'git push o'; $x", "git pus${x}h o"),
]
"""What the shell makes of them only it knows."""
SELF_MADE = [
    *("P=hooks; curl localhost:8377/v1/$P/PreToolUse", "P=page; curl -X POST localhost:8377/v1/$P/links"),
    *("segue dashboard --print", "curl -X POST http://127.0.0.1:8377/v1/page/links", "curl -X POST $U/v1/./page/links"),
    "curl -b jar http://127.0.0.1:8377/page/permissions/record -d operation=Bash -d target='*'",
    *(
        "segue permit Bash '*'",
        "uv run segue permit x",
        "segue -v permit x",
        "seg''ue permit x",
        "s=segue; $s permit x",
    ),
    *("python3.11 -m services.cli.__main__ permit Bash x", "python /x/services/cli/__main__.py permit x"),
    *(
        "python -c \"from services.cli.__main__ import main; main(['permit','Bash','*'])\"",
        "echo permit x | xargs segue",
    ),
    *("python3 -c \"import pty; pty.spawn(['segue','permit','Bash','*'])\"", "tmux new -d 'segue permit Bash x'"),
    *(
        "expect -c 'spawn segue permit Bash *'",
        "expect <<X\nspawn segue permit Bash *\nX",
        "script -q /dev/null segue permit x",
    ),
    *("ssh localhost segue revoke all", "docker exec -t c segue permit x", "echo 'segue permit x' | sh"),
    *("segue hook PermissionRequest < x", "python -I -S services/cli/hook.py PostToolUse", "segue permissions import"),
    *(
        'curl http://h/v1/"permissions" -d x',
        "curl http://h/v1/./permissions -d x",
        "curl http://h/v1/%70ermissions -d x",
    ),
    *("curl http://h/v1/x/../permissions -d x", "curl http://h/v1/hooks/PermissionRequest -d x"),
    *("sqlite3 ~/.claude/segue/session.sqlite 'delete from x'", "cd ~/.claude/segue && sqlite3 session.sqlite x"),
    *("python -c \"import sqlite3; sqlite3.connect('/h/.claude/segue/session.sqlite')\"", "cp x ~/.claude/segue/y"),
    *("python3 - <<'E'\nopen('/h/.claude/segue/x','w')\nE", "echo \"open('/h/.claude/segue/x','w')\" | python3"),
    *("node <<'E'\nrequire('fs').rmSync('/h/.claude/segue/hooks')\nE", "sh <<< 'rm ~/.claude/segue/x'"),
    *("script -qc'segue permit x'", "bash -ceuo pipefail 'segue permit x'", "fzf --preview 'segue permit x'"),
]
NOBODYS = [
    *(
        "segue permissions",
        "segue permissions test 'git push'",
        "segue deny Bash x",
        "segue status",
        "ls ~/.claude/segue",
    ),
    *("grep -rn 'segue permit' README.md", "git commit -m 'say segue permit in a terminal'", "npm run permit"),
    *("echo 'run segue permit in a terminal'", "cat ~/.claude/settings.json", "tail -f ~/.claude/segue/hook.log"),
    *("curl http://localhost:3000/page/2", "npm run dashboard", "ls src/page/permissions"),
    *("cat <<'E' > notes.md\nsee ~/.claude/segue/hook.log\nE", "grep -n x <<< ~/.claude/segue/x"),
    *("sqlite3 app.db 'select 1'", "python -m pytest tests/test_permissions.py -k revoke", "segue import $FILE"),
]
HARMLESS = [
    *("echo git push", "grep -rn 'git push' docs", "git log --grep 'git push'", "uv run pytest -k push", "npx tsc"),
    *(
        "docker run --rm img make",
        "awk '/git push/ {print $1}' a.log",
        "sed -n '/git push/p' README.md",
        "x=push; echo $x",
    ),
    *(
        "python3 -c \"print('done with git push')\"",
        "ssh host uptime",
        "git commit -m 'later: git push o'",
        "cat a | sh x.sh",
    ),
]
SHAPES = [
    *(
        "a;",
        "a\n",
        "$(",
        "`",
        "env ",
        "env -S 'a' ",
        "sudo ",
        "xargs ",
        "x='a b';$x;",
        'set -- a b;"$@";',
        "echo a|sh;",
    ),
    *(
        "python -c 'a\";\"b' ;",
        "npx a 'b c';",
        "bash -c '$0 b' a;",
        "git push ;",
        "git -c alias.a=b c;",
        "services.cli ",
    ),
    *("[[ '$(' ", "((", "<<E\n", "a=(", "\\\n", "${a:-", "find -exec a ;"),
]


@pytest.mark.parametrize("commands", [DENIED, NOT_ALLOWED], ids=["denied", "not allowed"])
def test_what_really_pushes_is_not_allowed(stubs: Path, tmp_path: Path, commands: list[str]) -> None:  # noqa: F811
    (tmp_path / "in").write_text("x\n")
    rules, said = book(), {}
    for command in commands:
        if pushes(command, stubs, tmp_path):
            said[command] = rules.verdict("Bash", command)
    assert len(said) >= len(commands) - 6  # not every program is everywhere
    assert {command for command, verdict in said.items() if verdict == "allow"} == set()
    assert {command for command, verdict in said.items() if verdict != "deny"} <= {*NOT_ALLOWED}


@pytest.mark.parametrize("command", HARMLESS)
def test_what_only_speaks_of_it_is_not_denied(command: str) -> None:
    rules = Book()
    rules.deny("Bash", "git push *")
    assert rules.verdict("Bash", command) != "deny"


@pytest.mark.parametrize("command", SELF_MADE)
def test_a_command_that_decides_in_the_persons_place_is_the_persons(command: str) -> None:
    assert decides_rules(command)


@pytest.mark.parametrize("command", NOBODYS)
def test_a_command_that_only_looks_or_narrows_is_not(command: str) -> None:
    assert not decides_rules(command)


@pytest.mark.parametrize("pattern", ["sed *", "awk *", "xargs *"])
def test_an_allow_reaches_over_no_program_that_writes_or_runs(pattern: str) -> None:
    rules = Book()
    rules.allow("Bash", pattern)
    rules.allow("Bash", "echo *")
    asked = ["sed 's/a/b/w out' x", "sed '1e make' x", "awk '{print > \"out\"}' x", "awk '{system($0)}' x"]
    assert {rules.verdict("Bash", command) for command in (*asked, "echo a | xargs git")} == {"ask"}


def test_everyday_programs_of_sed_and_awk_stay_allowed() -> None:
    rules = Book()
    for pattern in ("sed *", "awk *", "xargs *", "grep *", "ls *"):
        rules.allow("Bash", pattern)
    for command in ("sed -n '5,9p' x", "sed 's/a/b/g' x", "awk '$1 > 5 {print $2}' x", "ls a | xargs grep -l b"):
        assert rules.verdict("Bash", command) == "allow", command


def test_a_denied_command_behind_any_length_of_others_is_denied() -> None:
    rules = Book()
    rules.deny("Bash", "git push *")
    for length in (text_max_chars, 130_000):
        for last in ("git push o", "git -C . push o", "env git pu''sh"):
            assert rules.verdict("Bash", f": {'x' * length}; {last}") == "deny", (length, last)


@pytest.mark.slow
@pytest.mark.parametrize("shape", SHAPES)
def test_the_cost_of_a_command_does_not_grow_faster_than_its_length(shape: str) -> None:
    rules = Book()
    for pattern in ("git push *", "rm -rf *"):
        rules.deny("Bash", pattern)
    names = iter(range(1000))

    def judge(size: int) -> None:
        command = f"{shape * (size // len(shape))} {next(names)}"  # none that is known already
        rules.verdict("Bash", command[-text_max_chars:])

    assert growth(judge, text_max_chars, worth_a_look_s=0.3) < 3.5


def test_guesses_are_bounded() -> None:
    assert len(guessed_calls("x='a b'; " + "$x; " * 3000)) <= 400


@pytest.mark.parametrize("used", ["$B/git push o", "${B}/git push o", '"$B"/git push o'])
def test_what_stands_behind_a_variable_is_read_on(used: str) -> None:
    rules = Book()
    rules.allow("Bash", "*")
    rules.deny("Bash", "git push *")
    assert rules.verdict("Bash", f"B=/usr/bin; {used}") == "deny"
