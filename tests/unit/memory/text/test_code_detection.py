"""Which texts have code in them."""

from __future__ import annotations

import pytest

from services.memory.text.code_detection import has_code

CODE = {
    "fence": "```\nx\n```",
    "fence in a list": "- so:\n  ```sh\n  x\n  ```",
    "python": "def f(x):\n    return x",
    "python imports": "import os\nimport sys",
    "python loop": "for x in y:\n    print(x)",
    "javascript": "const a = 1;\nlet b = f(a);",
    "javascript module": "import React from 'react'\nexport default App",
    "go": 'package main\n\nfunc main() {\n\tfmt.Println("x")\n}',
    "go statements": "x := 1\ny, err := f(x)",
    "rust": 'let x = 5;\nprintln!("{}", x);',
    "c": "#include <stdio.h>\nint main(void) {",
    "html": '<div class="a">\n<p>x</p>\n</div>',
    "css": "a {\n color: red;\n}",
    "dockerfile": "FROM python:3.13\nRUN pip install x",
    "git diff": "diff --git a/x b/x\n--- a/x\n+++ b/x",
    "diff": "--- a/x\n+++ b/x\n@@ -1,2 +1,2 @@\n-a\n+b",
    "shell": "cd /srv/app && git pull\nnpm ci\nsudo systemctl restart app",
    "shell script": "#!/bin/sh\nmake",
    "shell loop": 'for f in *.txt; do\n  mv "$f" old/\ndone',
    "shell prompt": "$ ls\n$ pwd",
    "shell flags": "rm -rf build\ncurl -s http://x | jq .a",
    "sql in capitals": "SELECT id FROM t\nUPDATE t SET a = 1;",
    "sql in lower case": "select id, name from users where active = 1 order by name;",
    "sql over lines": "select u.id,\n       count(*)\nfrom users u\njoin orders o on o.user_id = u.id",
    "indented block": "Try this:\n\n    x = compute(1)\n    print(x)\n\nthen tell me.",
    "python traceback": 'Traceback (most recent call last):\n  File "a.py", line 3, in <module>\nValueError: x',
    "java traceback": "NullPointerException\n\tat com.acme.Foo.bar(Foo.java:12)",
    "at the end": "word " * 40_000 + "\n```\nx\n```",
}
PROSE = {
    "nothing": "",
    "e-mail": "Dear all,\nimport duties rise.\nPlease return by Monday.\nreturn by Monday.\nRegards",
    "semicolons": "We decided on Redis; it works.\nThen we left;\nand that was it;\nSo it goes;",
    "brackets and semicolons": "Points agreed (as we said);\nsecond point (again);",
    "orders": "Select one from the list.\nUpdate the docs.\nDelete from the board what is done.",
    "verbs that are programs": "make sure it works\ngo to the store\nfind the keys\ntest the lamp",
    "programs": "Git is a tool we use.\nDocker is fine too.\nnpm was chosen by the team last year in March.",
    "list": "- one\n- two\n    - three\n    - four\n    - five",
    "indented letter": "    Dear Anna,\n    we are well here\n    and hope you are too",
    "names": "@alice please look\n@bob please review this",
    "equals": "Hello = world",
    "quotation": "> we said this\n> and that",
    "headings": "# Title\n\nSome text.\n\n1. one\n2. two",
    "blank lines": "begin" + "\n" * 200_000 + "end",
}


@pytest.mark.parametrize("text", CODE.values(), ids=CODE)
def test_code_is_seen(text: str) -> None:
    assert has_code(text)


@pytest.mark.parametrize("text", PROSE.values(), ids=PROSE)
def test_prose_is_no_code(text: str) -> None:
    assert not has_code(text)
