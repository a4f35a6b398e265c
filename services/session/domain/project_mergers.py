"""Two projects made one, and one that is two again. Pure functions."""

from __future__ import annotations

from dataclasses import dataclass, replace

from services.kit.errors import NotFound
from services.session.domain.projects import (
    Merger,
    Project,
    Relabelling,
    alias_key,
    aliases_max,
    commit_key,
    mark_key,
    merged_max,
    name_key,
    remote_key,
    root_key,
)


@dataclass(frozen=True, slots=True)
class Separation:
    """A merged project as two again; without `source` nothing was filed under another label, as of a package that only
    got another repository."""

    one: Project
    rest: Project
    source: str = ""

    @property
    def relabelling(self) -> Relabelling:
        """What is the one's of all that is filed under the other."""
        roots, others = (tuple(root.path for root in each.roots) for each in (self.one, self.rest))
        return Relabelling(self.one.user, self.source, self.one.label, roots, others)


def merger_of(whole: Project, part: str) -> Merger:
    """How the project of that label, name or alias was merged; NotFound, with those that were, if it was not."""
    named = [each for each in whole.merged if part in {each.project.label, *each.project.aliases}]
    named = named or [each for each in whole.merged if part.casefold() == each.project.name.casefold()]
    if not named:
        labels = ", ".join(each.project.label for each in whole.merged)
        hint = f"These were merged into it: {labels}." if labels else "Nothing was merged into it."
        raise NotFound(f"No {part} can be split from {whole.label}.", hint)
    return named[-1]


def separation(whole: Project, merger: Merger) -> Separation:
    """The two, each with what it brought; what the whole one has seen since stays with it."""
    one = merger.project
    brought = one.keys - set(merger.shared)
    merged = tuple(each for each in whole.merged if each is not merger)
    if one.id == whole.id:
        return Separation(replace(whole, repository=one.repository, merged=merged), whole)
    rest = replace(
        whole,
        remotes=tuple(each for each in whole.remotes if remote_key(each) not in brought),
        first_commits=tuple(each for each in whole.first_commits if commit_key(each) not in brought),
        roots=tuple(each for each in whole.roots if root_key(each.machine, each.path) not in brought),
        marked=tuple(each for each in whole.marked if mark_key(each.machine, each.mark) not in brought),
        moved_from="",
        aliases=tuple(each for each in whole.aliases if alias_key(each) not in brought),
        names=tuple(each for each in whole.names if name_key(each) not in brought),
        unmoved=tuple(each for each in whole.unmoved if each not in {one.label, *one.unmoved}),
        merged=merged,
    )
    return Separation(one, rest, whole.label)


def merged_project(one: Project, other: Project) -> Project:
    """The other, with all that the one was found by, and what is stored of it still to be moved."""
    return replace(
        other,
        remotes=tuple(dict.fromkeys([*one.remotes, *other.remotes])),
        first_commits=tuple(dict.fromkeys([*one.first_commits, *other.first_commits])),
        marked=tuple(dict.fromkeys([*one.marked, *other.marked])),
        roots=tuple(
            sorted({*one.roots, *other.roots}, key=lambda each: (each.seen_at, not each.is_left), reverse=True)
        ),
        aliases=aliases_beside([*one.aliases, one.label, *other.aliases], other.label),
        names=tuple(each for each in dict.fromkeys([one.name, *one.names, *other.names]) if each != other.name),
        unmoved=labels_to_move([*one.unmoved, one.label, *other.unmoved], other.label),
        seen_at=max(one.seen_at, other.seen_at),
        is_contested=False,
        merged=(*other.merged, Merger(one, tuple(sorted(one.keys & other.keys))))[-merged_max:],
    )


def aliases_beside(names: list[str], label: str) -> tuple[str, ...]:
    """The names, each once, without the label."""
    return tuple(each for each in dict.fromkeys(names) if each != label)[-2 * aliases_max :]


def labels_to_move(labels: list[str], label: str) -> tuple[str, ...]:
    """The labels under which something is stored that belongs under this one."""
    return tuple(each for each in dict.fromkeys(labels) if each != label)
