"""A project's name in a query says where to look, and not what for."""

from __future__ import annotations

from services.memory.text.project_names import names_max, possible_names, without_names


def test_names_with_a_hyphen_a_dot_or_a_digit_may_be_projects() -> None:
    assert possible_names("What does the shop-api of acme.web use, v2?") == ["shop-api", "acme.web", "v2"]


def test_a_plain_word_is_a_word() -> None:
    assert possible_names("What does the web server use?") == []


def test_a_path_is_no_project() -> None:
    assert possible_names("what is in src/shop-api/main.py") == []


def test_there_are_only_so_many() -> None:
    assert len(possible_names(" ".join(f"p-{number}" for number in range(500)))) == names_max


def test_a_name_is_taken_out_with_the_words_that_belong_to_it() -> None:
    assert without_names("What cache does the shop-api project use?", ["shop-api"]) == "What cache does  use?"
    assert without_names("shop-api-v2 and shop-api", ["shop-api"]) == "shop-api-v2 and "


def test_names_are_no_patterns() -> None:
    assert without_names("what of a.b-c and axb-c", ["a.b-c"]) == "what of  and axb-c"
