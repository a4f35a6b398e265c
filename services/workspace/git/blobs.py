"""Contents and sizes of git objects, several with one process."""

from __future__ import annotations

from collections.abc import Iterable

from services.workspace.git.repository import Repository


def blobs(repository: Repository, ids: Iterable[str]) -> dict[str, bytes]:
    """The contents of these objects, as far as they exist and fit together into the output limit."""
    wanted = [each for each in dict.fromkeys(ids) if each.strip("0")]
    if not wanted:
        return {}
    output = repository.git("cat-file", "--batch", given="".join(f"{each}\n" for each in wanted).encode()).output
    found, at = {}, 0
    while (end := output.find(b"\n", at)) >= 0:
        name, *rest = output[at:end].decode("ascii", "replace").split(" ")
        at = end + 1
        if len(rest) == 2 and rest[1].isdigit():  # otherwise it is missing
            size = int(rest[1])
            if at + size < len(output):
                found[name] = output[at : at + size]
            at += size + 1
    return found


def blob_sizes(repository: Repository, ids: Iterable[str]) -> dict[str, int]:
    """The sizes in bytes of these objects, as far as they exist."""
    given = "".join(f"{each}\n" for each in dict.fromkeys(ids)).encode()
    lines = repository.git("cat-file", "--batch-check", given=given).output.decode("ascii", "replace").splitlines()
    rows = [line.split(" ") for line in lines]
    return {row[0]: int(row[2]) for row in rows if len(row) == 3 and row[2].isdigit()}
