"""What a turn is worth to whoever goes on: adversarial examples of thanks, orders to commit and announcements."""

from __future__ import annotations

import pytest

from services.gateway.workflows.handoffs.utterances import (
    Points,
    asks_for_something,
    is_courtesy,
    is_substantial,
    points_of,
    refers_back,
)

ASKS_NOTHING = (
    *("thanks, that is all for today", "Great, commit it.", "thanks, commit it", "ok", "Perfect!", "commit and push"),
    *("Thank you so much for fixing the parser!", "👍", "🎉🎉 thanks!!", "yes", "go on", "lgtm, ship it", "", "..."),
    *("please commit this and push to main", "Okay great, thanks — commit the parser fix", "you're the best"),
    *("perfect, that's all. commit with message 'fix parser'", "open a PR", "no thanks", "continue", "do it", "Thx"),
    *("Great work, thanks! See you tomorrow.", "looks good to me", "bye", "Good morning.", "/compact", "/commit"),
    *("danke, das war's für heute", "Vielen Dank! Bitte committen.", "kannst du das committen", "ok danke"),
    *("Super gemacht, danke dir!", "Schönen Feierabend!", "weiter so", "merci beaucoup, c'est tout pour aujourd'hui"),
    *("commite et pousse", "Parfait, bonne soirée !", "muchas gracias, eso es todo", "haz commit de los cambios"),
    *("¡Perfecto, gracias!", "ありがとうございます", "ありがとう、コミットしてください", "完璧です。また明日"),
    *("今日はここまでです。お疲れ様でした", "谢谢，今天就到这里吧", "好的，提交代码", "提交并推送", "谢谢!", "辛苦了"),
)
ASKS = (
    *(
        "thanks, but the test still fails",
        "Thanks! Now also update the changelog",
        "commit it and update the changelog",
    ),
    *("rename the CLI flag --colour to --color everywhere.", "merge the two parsers into one", "why?", "So?"),
    *("Great. Last thing for today: rename the CLI flag --colour to --color everywhere.", "yes, use the second one"),
    *("no, use Postgres", "push the button to the right", "tag the release notes with dates", "What now?"),
    *("Stop: production is down", "/review 123", "is Vec<u8> ok?", "thanks for that, can you rerun the tests"),
    *("danke, aber der Test schlägt fehl", "Kannst du das umbenennen?", "merci, corrige aussi le parseur"),
    *(
        "gracias, ahora arregla las pruebas",
        "ありがとう。次はテストを直してください",
        "谢谢，再把测试修一下",
        "提交前先跑测试",
    ),
    *("Great Expectations is the test's fixture, rename it", "Thanksgiving must be a holiday in the calendar"),
)


@pytest.mark.parametrize("text", ASKS_NOTHING)
def test_thanks_goodbyes_consent_and_commits_ask_for_nothing(text: str) -> None:
    assert not asks_for_something(text)
    assert not asks_for_something(f"  {text.upper() if text.isascii() else text}\n")


@pytest.mark.parametrize("text", ASKS)
def test_what_is_to_be_done_asks_for_something_however_polite(text: str) -> None:
    assert asks_for_something(text)
    assert asks_for_something(f"Thank you! {text}")


SAYS_NOTHING = (
    *("You're welcome! Have a good evening.", "Committed as 4f2a91c.", "Done.", "I will look at the file first.", "OK"),
    *(
        "Let me read the config first.",
        "Committed as `1a2b3c4` and pushed to main.",
        "Sure! Let me check.",
        "Happy to help!",
    ),
    *("Now I'll run the tests:", "Great, let me look at the tests.", "Next, I'll look at the parser.", "All done!"),
    *(
        "All done! Let me know if you need anything else.",
        "Ich schaue mir die Datei an.",
        "Je vais regarder le fichier.",
    ),
    *(
        "Voy a revisar el archivo.",
        "ファイルを確認します。",
        "让我先看看文件。",
        "Bitte schön!",
        "已提交。",
        "コミットしました。",
    ),
    *("Gern geschehen. Schönen Abend noch!", "Erledigt.", "C'est fait.", "Hecho."),
    *(
        "Noted: cents as integers, everywhere.",
        "Notiert: Release immer dienstags.",
        "Understood, cents it is.",
        "了解しました。",
    ),
)
SAYS = (
    "The join in export/rows.py was an inner join on region. I made it a left join; both suites pass.",
    *(
        "Renamed walrus variable 159.",
        "It was off by one.",
        "They are in the cellar.",
        "Should I also update the docs?",
    ),
    "The uploader retries now, 5 attempts with full jitter. Next: wire the metric upload_retries_total.",
    *(
        "Done: the parser now reads block 7 before the checksum.",
        "Ported 3 of 7 handlers; the ping loop has to be rewritten",
    ),
    *(
        "Der Fehler lag im Parser.",
        "修复了解析器的错误。",
        "パーサーのバグを直しました。",
        "L'erreur venait du parseur.",
    ),
    "Let me summarise: the pool was exhausted. We doubled it to 40 connections.",
    "Committed as 4f2a91c. The release still waits for the signing key.",
)


@pytest.mark.parametrize("text", SAYS_NOTHING)
def test_announcements_courtesies_and_reports_in_a_word_say_nothing(text: str) -> None:
    assert not is_substantial(text)


@pytest.mark.parametrize("text", SAYS)
def test_what_says_something_is_substantial(text: str) -> None:
    assert is_substantial(text)
    assert is_substantial(f"Sure! Let me check.\n\n{text}\n\nLet me know if you need anything else.")
    assert not is_courtesy(text)


@pytest.mark.parametrize(
    ("text", "is_short"),
    [
        *(
            (text, True)
            for text in ("Fix both.", "Yes, stream it in chunks of 500.", "Fix it and cap it at 200 entries.")
        ),
        *((text, True) for text in ("why?", "nein, das andere", "それを直してください")),
        *((text, False) for text in ("Please rename the walrus variable", "Fix the flaky test in tests/test_sync.py")),
        ("Yes, and now move all seven handlers of the webhook endpoint from Flask to FastAPI, one by one.", False),
    ],
)
def test_a_short_prompt_that_points_back_needs_the_one_before_it(text: str, *, is_short: bool) -> None:
    assert refers_back(text) is is_short


@pytest.mark.parametrize(
    ("text", "points"),
    [
        ("I made it a left join. Still open: the backfill of March.", Points((), ("the backfill of March.",))),
        ("It retries now. Next: wire the metric.", Points(("wire the metric.",), ())),
        ("Fixed.\n\n## Next steps\n- wire metric\n- deploy\n\nOpen questions:\n1. Which region?\nBye.",
         Points(("wire metric", "deploy"), ("Which region?",))),
        ("**Left to do:** the same bug in tests/test_watch.py", Points((), ("the same bug in tests/test_watch.py",))),
        ("Renamed in 14 files; two tests still fail and need new snapshots tomorrow.",
         Points((), ("Renamed in 14 files; two tests still fail and need new snapshots tomorrow.",))),
        ("Ported 3 of 7. The ping loop has to be rewritten.", Points((), ("The ping loop has to be rewritten.",))),
        ("It works. Should I also update the docs?", Points((), ("Should I also update the docs?",))),
        ("Noch offen: der Backfill.", Points((), ("der Backfill.",))),
        ("Als nächstes: Metrik anbinden", Points(("Metrik anbinden",), ())),
        ("Reste à faire : le backfill", Points((), ("le backfill",))),
        ("Próximos pasos: migrar los datos", Points(("migrar los datos",), ())),
        ("直しました。残り：三月のバックフィル", Points((), ("三月のバックフィル",))),
        ("已修复。下一步：回填三月数据", Points(("回填三月数据",), ())),
        ("Open-source it under MIT. The next line is blank. Missing-value handling works.", Points()),
        ("Next, I'll look at the parser. Let me know if anything else is needed.", Points()),
    ],
)  # fmt: skip
def test_what_an_answer_says_is_next_and_open(text: str, points: Points) -> None:
    assert points_of(text) == points


def test_points_are_few_and_short() -> None:
    found = points_of("TODO:\n" + "\n".join(f"- step {number} {'x' * 400}" for number in range(50)))
    assert len(found.next) == 5
    assert all(len(each) <= 300 for each in found.next)
