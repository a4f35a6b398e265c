"""What a query asks for exactly: the newest of what was said, or how many; and what only sounds like it."""

from __future__ import annotations

from zoneinfo import ZoneInfo

import pytest

from services.gateway.arguments.exact_questions import exact_question
from services.gateway.arguments.query_periods import Reading, read_query
from services.gateway.arguments.query_times import READ_MAX_CHARS
from services.pb import memory_pb2


@pytest.mark.parametrize(
    ("query", "rest"),
    [
        ("latest gearbox note", "gearbox"),
        ("the last decision on the gearbox", "on the gearbox"),
        ("most recent message about deploys", "about deploys"),
        ("what did we decide last about the gearbox", "what about the gearbox"),
        ("What did we last decide about retries?", "What about retries?"),
        ("what did we decide about the gearbox last?", "what about the gearbox ?"),
        ("show me the most recent gearbox oil note", "show me gearbox oil"),
        ("the last three notes on naming", "on naming"),
        ("What's the latest on the migration?", "the migration?"),
        ("when was the gearbox last discussed?", "when the gearbox ?"),
        ("the last thing we said about caching", "about caching"),
        ("what was the last decision", "what was"),
        ("the newest thing on the otter", "the otter"),
        ("last time the otter was mentioned", "the otter"),
        ("what was decided last about the otter", "what about the otter"),
        ("which decision about the otter is the latest?", "about the otter ?"),
        ("our last discussion of naming", "naming"),
        ("last comment by bob on the parser", "on the parser"),
        ("Latest note: gearbox", ": gearbox"),
        ("lo último que decidimos sobre la caché", "sobre la caché"),
        ("zuletzt entschieden zum Thema Cache", "zum Thema Cache"),
        ("\u6700\u8fd1\u7684\u51b3\u5b9a\u662f\u4ec0\u4e48", "\u662f\u4ec0\u4e48"),
        ("letzte Entscheidung zum Getriebe", "zum Getriebe"),
        ("Was haben wir zuletzt zum Getriebe entschieden?", "Was zum Getriebe ?"),
        ("die neueste Getriebenotiz", "die Getriebe"),
        ("dernière note sur la boîte de vitesses", "sur la boîte de vitesses"),
        ("derniere decision sur le cache", "sur le cache"),
        ("la note la plus récente sur le cache", "la sur le cache"),
        ("última decisión sobre la caché", "sobre la caché"),
        ("qué decidimos por última vez sobre la caché", "qué sobre la caché"),
        ("ultima nota sul cambio", "sul cambio"),
        ("a nota mais recente sobre o cache", "a sobre o cache"),
        ("Wat hebben we het laatst over de cache besloten", "Wat over de cache"),
        ("последнее решение о коробке передач", "о коробке передач"),
        ("最新的变速箱笔记", "变速箱"),
        ("変速機についての最新のメモ", "変速機についての"),
        ("마지막 변속기 메모", "변속기"),
    ],
)
def test_a_query_for_the_newest_says_of_what(query: str, rest: str) -> None:
    found = exact_question(query)
    assert found
    assert (found.rest, found.is_newest) == (rest, True)
    assert found.of_decisions == any(
        each in query.casefold() for each in ("deci", "déci", "entsch", "beslo", "реш", "\u51b3\u5b9a")
    )


@pytest.mark.parametrize(
    ("query", "rest"),
    [
        ("how many notes mention the gearbox?", "the gearbox?"),
        ("how many gearbox notes are there?", "gearbox"),
        ("How many decisions about caching do we have?", "caching do we have?"),
        ("how often did we talk about the otter", "the otter"),
        ("how many times was the gearbox mentioned", "the gearbox"),
        ("wie viele Notizen gibt es zum Getriebe", "zum Getriebe"),
        ("combien de notes sur le cache", "sur le cache"),
    ],
)
def test_a_query_for_a_number_says_of_what(query: str, rest: str) -> None:
    found = exact_question(query)
    assert found
    assert (found.rest, found.is_newest) == (rest, False)


def test_a_time_and_the_newest_are_read_of_one_query_each_without_the_other_s_words() -> None:
    request = memory_pb2.SearchRequest(query="latest gearbox decision last week")
    read = read_query(request, ZoneInfo("UTC"))
    assert read.period
    assert read.exact
    assert (read.period.words, read.exact.words) == ("last week", "latest gearbox decision")
    assert (request.exact.rest, request.exact.is_newest, request.exact.of_decisions) == ("gearbox", True, True)
    assert request.period.rest == "latest gearbox decision"
    plain = memory_pb2.SearchRequest(query="the last row of the table")
    assert read_query(plain, ZoneInfo("UTC")) == Reading()
    assert not plain.HasField("exact")


@pytest.mark.parametrize(
    "query",
    [
        *("last name field", "latest.json", "the last row of the table", "npm latest tag", "at last", "lastly"),
        *("last message id", "the last message in the queue is lost", "last message queue", "last conversation id"),
        *("latest version of node", "last commit message format", "last updated column", "the latest stable release"),
        *('"latest gearbox note"', "`last note` variable", "the last entry of the log table", "last note-taking app"),
        *("what did we decide last week about the gearbox", "what did we do last", "we last deployed on Friday"),
        *("how many retries do we allow", "how many messages per second", "how many entries does the cache hold"),
        *(
            "the last decision node in the tree",
            "last but not least",
            "did the build last long",
            "most recent call last",
        ),
        *("What did Mel and her kids paint in their latest project in July 2023?", "is the latest on npm broken"),
        *("delete the last message from the queue", "the last statement with a semicolon", "last decision tree split"),
        *("last entry for the user table is wrong", "how many messages with errors are in the queue"),
        *(
            "how many entries are there in the table",
            "how many decisions does the tree have",
            "last note in the melody",
        ),
        *("letzte Zeile der Tabelle", "dernière ligne du tableau", "última línea de la tabla", ""),
        "latest gearbox note " + "x" * READ_MAX_CHARS,
    ],
)
def test_what_only_has_such_a_word_is_left_alone(query: str) -> None:
    assert exact_question(query) is None
