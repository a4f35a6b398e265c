"""What is denied has other names, stands between options, or is for another shell; and what an allow reaches over."""

from __future__ import annotations

import pytest

from services.session.domain.operation_risk import Level, classify, target_judged_max_chars
from services.session.domain.permissions import Scope
from services.session.permissions.files.file_commands import Holds
from services.session.permissions.plain_denies import KeptDeny, judge_plainly
from tests.growth import growth
from tests.unit.session.book import Book

SAME_COMMANDS = [
    ("npm publish *", "npm.cmd publish"),
    ("npm install *", "npm i left-pad"),
    ("npm install *", "npm add left-pad"),
    ("npm uninstall *", "npm rm left-pad"),
    ("cargo run *", "cargo r --release"),
    ("docker rm *", "docker container rm x"),
    ("docker push *", "docker image push x"),
    ("docker rmi *", "docker image rm x"),
    ("docker compose down *", "docker compose -f prod.yml down"),
    ("docker compose down *", "docker compose -f prod.yml -p shop down -v"),
    ("docker compose down *", "docker-compose -f prod.yml down"),
    ("docker-compose down *", "docker compose down"),
    ("docker-compose down *", "docker-compose --file=prod.yml down"),
    ("kubectl delete pod *", "kubectl delete -n prod pod x"),
    ("gh pr merge *", "gh pr --repo a/b merge 1"),
    ("aws s3 rm *", "aws s3 --profile p rm s3://x"),
    ("git push origin main", "git push origin HEAD:main"),
    ("git push origin main", "git push origin main:refs/heads/main"),
    ("git push origin main", "git push -o ci.skip origin main"),
    ("git push --force *", "git push origin +main"),
    ("git push --delete *", "git push origin :main"),
    ("pip install *", "pip3.11 install x"),
    ("pip install *", "python3 -m pip install x"),
    ("pytest *", "python -m pytest -q"),
    ("make deploy", "make build deploy"),
    ("make deploy", "make deploy ENV=prod"),
    ("./deploy.sh *", "bash deploy.sh prod"),
    ("./deploy.sh", "source ./deploy.sh"),
    ("rm -rf node_modules", "rm -rf ./node_modules/"),
    ("rm -rf /", "rm -rf //"),
    ("cat .env", "cat ./.env"),
]
OTHERS = [
    ("npm install *", "npm ci"),
    ("docker rm *", "docker container prune"),
    ("docker rm *", "docker image rm x"),
    ("docker compose down *", "docker compose -f down.yml up"),
    ("git push origin main", "git push origin main:feature"),
    ("git push origin main", "git push origin feature"),
    ("make deploy", "make build ENV=deploy"),
    ("rm -rf build", "rm -rf src/build"),
    ("kubectl delete pod *", "kubectl delete service pod"),
    ("python2 *", "python3 x.py"),
    ("test *", "bun test"),
    ("pip *", "fzf --preview 'cat {}'"),
]
POWERSHELL = [
    *(
        "git -C . push o",
        "GIT PUSH o",
        "git push",
        "git.exe push o",
        "& 'C:\\Git\\cmd\\git.exe' push o",
        ". git push o",
    ),
    *("iex 'git push o'", "Start-Process git -ArgumentList 'push','o'", "cmd /c git push o", 'cmd /c "git push o"'),
    *("git p`ush o", "git push`\n o", "git --% push o", "$x = git push o", "1..3 | % { git push o }", "wsl git push o"),
    *('powershell -Command "git push o"', "bash -c 'git push o'", "git -c a=b push o", "git.cmd push"),
]
NOT_ALLOWED = [
    *(
        ("git *", f"git {rest}")
        for rest in ("archive -o ../x.tar HEAD", "format-patch -o /tmp HEAD~1", "clone -u sh h:x")
    ),
    *(("git *", f"git {rest}") for rest in ("bundle create ../x --all", "rebase -i HEAD~3", "clone -c a.b=c h:x")),
    *(
        ("sed *", f"sed {rest}")
        for rest in ("-n -e'w out' f", "--expression='w out' f", "'\\%x%w out' f", "-f script f")
    ),
    *(("sed *", f"sed {rest}") for rest in ("'s|a|b|w out' f", "-e's/a/b/w out' f")),
    *(("awk *", f"awk {rest}") for rest in ("-v f=x '{print > f}' in", "-v c=sh '{print | c}' in", "-f s.awk in")),
    *(("awk *", f"awk {rest}") for rest in ("'{printf \"%s\", $0 >> out}' in", "'{ print |& \"sh\" }' in")),
    *(("curl *", f"curl {rest} https://x") for rest in ("-c jar", "-D head", "--trace-ascii t", "--libcurl x.c")),
    *(("wget *", f"wget {rest} https://x") for rest in ("-a log", "-e robots=off", "--config=x", "--save-cookies f")),
    *(("make *", "make SHELL=/tmp/x"), ("tar *", "tar cIf sh x y"), ("ssh *", "ssh -E log h"), ("uniq *", "uniq a b")),
    *(("cargo *", "cargo --config x.toml build"), ("go *", "go env -w GOFLAGS=-x"), ("psql *", "psql -c '\\! id'")),
    *(("sqlite3 *", "sqlite3 x '.shell id'"), ("less *", "less '+!id' x"), ("kubectl *", "kubectl exec p -- rm x")),
    *(("gh api *", "gh api --method=DELETE /repos/x"), ("gh api *", "gh api -XDELETE /repos/x")),
]
ALLOWED = [
    *(("git *", f"git {rest}") for rest in ("switch -c feature", "log -Sfox", "commit -mfix", "cherry-pick -x HEAD~1")),
    *(("go test *", f"go test {rest} ./...") for rest in ("-count=1", "-cover", "-mod=mod")),
    *(("cargo test *", "cargo test -- --nocapture"), ("awk *", "awk '{ if ($1 > max) max = $1 } END { print max }' f")),
    *(("sed *", "sed -e 's/a/b/' -e 's/c/w/' f"), ("tar *", "tar czf x y"), ("curl *", "curl -fsSL https://x")),
    *(("sqlite3 *", "sqlite3 a.db '.tables'"), ("uniq *", "uniq -c in"), ("gh api *", "gh api --method=GET /repos/x")),
]
FILES = [
    ("$HOME/.ssh/*", "/home/ada/.ssh/id_rsa"),
    ("secrets/**", "/work/heron/secrets"),
    ("C:/work/heron/.env", "\\\\?\\C:\\work\\heron\\.env"),
    ("C:/work/heron/.env", "C:\\work\\heron\\.env::$DATA"),
    ("C:/work/heron/.env", "C:\\work\\heron.\\.env. "),
    ("C:/work/heron/.env", "/mnt/c/work/heron/.env"),
    ("C:/work/heron/.env", "/c/work/heron/.env"),
]
ADDRESSES = [
    ("domain:example.org", "https://EXAMPLE.org./x"),
    ("domain:example.org", "http://user@example.org:8080/x"),
    ("domain:*.example.org", "https://api.example.org/x"),
    ("https://example.org/*", "http://example.org/x"),
    ("https://example.org/*", "https://example.org"),
    ("https://example.org/*", "HTTPS://Example.ORG:443/x"),
    ("https://example.org/a/*", "https://example.org/b/../a/%78"),
]


@pytest.mark.parametrize(("pattern", "command"), SAME_COMMANDS)
def test_a_deny_holds_for_other_names_of_the_same(pattern: str, command: str) -> None:
    rules = Book()
    rules.allow("Bash", "*", Scope.ALWAYS)
    rules.deny("Bash", pattern)
    assert rules.verdict("Bash", command) == "deny"


@pytest.mark.parametrize(("pattern", "command"), OTHERS)
def test_a_deny_holds_for_nothing_that_only_looks_alike(pattern: str, command: str) -> None:
    rules = Book()
    rules.deny("Bash", pattern)
    assert rules.verdict("Bash", command) != "deny"


@pytest.mark.parametrize("command", POWERSHELL)
def test_a_deny_for_powershell_holds_for_equal_forms(command: str) -> None:
    rules = Book()
    rules.allow("PowerShell", "*", Scope.ALWAYS)
    rules.deny("PowerShell", "git push *")
    assert rules.verdict("PowerShell", command) == "deny"
    assert judge_plainly([KeptDeny("powershell", "git push *", False, "")], "PowerShell", command) is Holds.DENY


@pytest.mark.parametrize("command", ["git commit -m 'git push later'", "Write-Output 'git push'", "git log push"])
def test_a_deny_for_powershell_holds_for_no_words_in_quotes(command: str) -> None:
    rules = Book()
    rules.deny("PowerShell", "git push *")
    assert rules.verdict("PowerShell", command) != "deny"


@pytest.mark.parametrize("command", ["git log --output=x", "git -c core.pager=x log", "git difftool -x sh"])
def test_an_allow_for_powershell_reaches_over_nothing_that_writes_or_runs(command: str) -> None:
    rules = Book()
    rules.allow("PowerShell", "git *")
    assert rules.verdict("PowerShell", command) == "ask"


@pytest.mark.parametrize(("pattern", "command"), NOT_ALLOWED)
def test_an_allow_reaches_over_no_other_option_that_writes_or_runs(pattern: str, command: str) -> None:
    rules = Book()
    rules.allow("Bash", pattern)
    assert rules.verdict("Bash", command) == "ask"


@pytest.mark.parametrize(("pattern", "command"), ALLOWED)
def test_an_option_that_does_neither_is_allowed(pattern: str, command: str) -> None:
    rules = Book()
    rules.allow("Bash", pattern)
    assert rules.verdict("Bash", command) == "allow"


@pytest.mark.parametrize(("pattern", "path"), FILES)
def test_a_deny_holds_for_other_spellings_of_a_file(pattern: str, path: str) -> None:
    rules = Book()
    rules.deny("Read", pattern)
    assert rules.verdict("Read", path) == "deny"


@pytest.mark.parametrize(("pattern", "address"), ADDRESSES)
def test_a_deny_holds_for_other_spellings_of_an_address(pattern: str, address: str) -> None:
    rules = Book()
    rules.deny("WebFetch", pattern)
    assert rules.verdict("WebFetch", address) == "deny"


@pytest.mark.parametrize("address", ["https://example.com/x", "https://notexample.org/", "https://example.org.evil/x"])
def test_a_deny_of_a_host_holds_for_no_other(address: str) -> None:
    rules = Book()
    for pattern in ("domain:example.org", "domain:*.example.org", "https://example.org/*"):
        rules.deny("WebFetch", pattern)
    assert rules.verdict("WebFetch", address) != "deny"


def test_a_deny_of_agents_holds_for_the_tools_earlier_name() -> None:
    rules = Book()
    rules.deny("Agent")
    assert rules.verdict("Task", "look around") == "deny"


@pytest.mark.parametrize("path", ["/home/ada/.claude.json", "/home/ada/.claude/plugins/cache/segue/hooks.json"])
def test_the_clients_other_settings_are_critical(path: str) -> None:
    assert classify("Write", path, "/home/ada").level is Level.CRITICAL


@pytest.mark.slow
@pytest.mark.parametrize("shape", ["a;", "iex 'a b' ", "cmd /c a,b ", "'", "`", "{", "$x = ", "saps a 'b c';"])
def test_the_cost_of_a_powershell_command_does_not_grow_faster_than_its_length(shape: str) -> None:
    rules = Book()
    rules.deny("PowerShell", "git push *")

    def judge(size: int) -> None:
        rules.verdict("PowerShell", f"{shape * (size // len(shape))} x"[-target_judged_max_chars:])

    assert growth(judge, target_judged_max_chars, worth_a_look_s=0.3) < 3.5
