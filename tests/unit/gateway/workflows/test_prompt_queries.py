"""What is searched for a prompt: its words, and these with the work at hand."""

from __future__ import annotations

from services.gateway.workflows.recall import prompt_max_chars, prompt_queries


def test_a_prompt_alone_is_one_query() -> None:
    assert prompt_queries("why?", "", []) == ["why?"]
    assert prompt_queries("why?", " ", [""]) == ["why?"]


def test_with_an_error_and_files_the_prompt_is_searched_by_itself_as_well() -> None:
    assert prompt_queries("again", "KeyError: pears", ["src/a.py"]) == ["again", "again KeyError: pears src/a.py"]


def test_neither_a_long_prompt_nor_a_long_error_crowds_out_the_other() -> None:
    alone, both = prompt_queries("p" * 50_000, "e" * 50_000, ["a.py"])
    assert alone == "p" * 50_000
    assert len(both) <= prompt_max_chars + 1
    assert both.count("p") >= prompt_max_chars // 2
    assert both.count("e") >= prompt_max_chars // 2 - 1
