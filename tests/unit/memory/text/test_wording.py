"""What says the same word for word has one wording; what says anything else has another."""

from __future__ import annotations

import random
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.memory.text.wording import wording

SAME = [
    ("Run the linter before you push to main, always.", "run the LINTER before you push to main... always!"),
    ("We deploy on Friday.", "  we\tdeploy\n on friday"),
    ('He said "never again".', "He said never again"),
    ("Use `getUser` here.", "use getUser here"),
    ("Don\u2019t panic; breathe", "don't panic, breathe."),
    ("The cafe\u0301 is open", "The caf\u00e9 is open"),
]
OTHER = [
    ("Retry 3 times with a pause of 5 seconds", "Retry 5 times with a pause of 3 seconds"),
    ("Timeout is 30 s and the lease is 60 s", "Timeout is 60 s and the lease is 30 s"),
    ("Set the clock offset to 5 minutes", "Set the clock offset to -5 minutes"),
    ("The alert fires if free disk < 10 percent", "The alert fires if free disk > 10 percent"),
    ("Tests pass on Linux but fail on Windows", "Tests fail on Linux but pass on Windows"),
    ("We use tabs, not spaces", "We use spaces, not tabs"),
    ("Version 2.10 replaces version 2.9", "Version 2.9 replaces version 2.10"),
    ("Cache on for reads, off for writes", "Cache off for reads, on for writes"),
    (
        "Rebase feature onto main, then merge main into feature",
        "Merge main into feature, then rebase feature onto main",
    ),
    ("Do X before Y: drain the queue, then stop the worker", "Do Y before X: stop the worker, then drain the queue"),
    ("Pin react to ^18.2.0 in the storefront", "Pin react to ~18.2.0 in the storefront"),
    ("Skip the row when status == 3", "Skip the row when status != 3"),
    ("The mirror copies from eu-west to us-east", "The mirror copies from us-east to eu-west"),
    ("Orders depends on billing, so start billing first", "Billing depends on orders, so start orders first"),
    ("Ivan approves what Olga deploys", "Olga approves what Ivan deploys"),
    ("The file is src/Main.java", "The file is src/main.java"),
    # and others
    ("Call getUser first", "Call getuser first"),
    ("The team of the US decides", "The team of us decides"),
    ("Set x to 1", "Set X to 1"),
    ("Use grep -v here", "Use grep -V here"),
    ("Ship on Friday?", "Ship on Friday."),
    ("We have 5! ways", "We have 5 ways"),
    ("The board is 5' long", 'The board is 5" long'),
    ("The price is 1.50", "The price is 150"),
    ("Do ship it", "Do not ship it"),
    ("Run `make Test`", "Run `make test`"),
    ("- [x] tests", "- [ ] tests"),
    ("git add .", "git add"),
    ("rename a_b", "rename a-b"),
    ("if flag: stop", "if !flag: stop"),
    ("x = 2", "x == 2"),
    ("2^3", "23"),
    ("The port is 8080", "The port is 8081"),
]


@pytest.mark.parametrize(("one", "other"), SAME)
def test_case_space_and_punctuation_of_ordinary_words_say_nothing(one: str, other: str) -> None:
    assert wording(one) == wording(other) != 0


@pytest.mark.parametrize(("one", "other"), OTHER)
def test_order_numbers_signs_and_names_say_something(one: str, other: str) -> None:
    assert wording(one) != wording(other)


def test_a_text_without_words_has_no_wording_and_tags_belong_to_it() -> None:
    assert wording(" \n") == wording("", ["tag"]) == 0
    assert wording("same", ["A", "b"]) == wording("same", ["b", "a"]) != wording("same")
    assert wording("the same in every process") == 14647884685439699274


WORDS = "parser cache login billing export queue search mail logging metrics deploy backup retry quota schema".split()  # noqa: SIM905 - one line


def differing(seed: int) -> tuple[str, str]:
    """A text of a random length, and one that differs from it in one thing."""
    chance = random.Random(seed)
    words = [chance.choice(WORDS) for _ in range(chance.choice((5, 20, 100, 400)))]
    words[chance.randrange(len(words))] = str(chance.randrange(10_000, 99_999))
    place, changed = chance.randrange(len(words)), [*words]
    match seed % 4:
        case 0:  # two words change places
            other = next((at for at, word in enumerate(words) if word != words[place]), 0)
            changed[place], changed[other] = words[other], words[place]
        case 1:
            changed[place] = "enabled"
        case 2:
            number = next(at for at, word in enumerate(words) if word.isdigit())
            changed[number] = str(int(words[number]) + 1)
        case 3:
            changed[place] = chance.choice("-<>=!^~") + words[place]
    return " ".join(words), " ".join(changed)


@pytest.mark.parametrize("seed", range(500))
def test_one_swap_word_number_or_sign_makes_another_wording_at_any_length(seed: int) -> None:
    one, other = differing(seed)
    assert wording(one) != wording(other)


@given(st.lists(st.sampled_from(WORDS), min_size=1), st.randoms(use_true_random=False))
def test_the_way_of_writing_makes_no_other_wording(words: list[str], chance: random.Random) -> None:
    ways: list[Callable[[str], str]] = [str, str.capitalize, str.upper, '"{}"'.format, "{},".format, "{}.".format]
    written = "".join(chance.choice(ways)(word) + chance.choice((" ", "\n", "  ")) for word in words)
    assert wording(written) == wording(" ".join(words))
