"""Whether a query has a subject of its own, or only asks what there was, as in `what did we do`."""

from __future__ import annotations

from services.memory.text.terms import STOP_WORDS, query_terms

_OF_ANYTHING = """
anything change changed changes conversation conversations did discuss discussed do done everything get give
go going got happen happened happening happens know list memories memory new notes please progress recall
recap remember remembered say saying session sessions show something status stuff summarise summarize summary
talk talked talking tell thing things told us went work worked working
"""
_IN_OTHER_LANGUAGES = (
    "was haben wir gemacht", "was ist war passiert geschehen los", "woran haben wir gearbeitet", "was wurde getan",
    "worüber haben wir gesprochen geredet", "was habe ich gesagt", "die der das den unsere unser unseren",
    "qu'est-ce que nous avons on a fait", "que s'est-il passé arrivé", "quelle est la le les était", "de quoi avons-nous parlé",
    "qué hicimos hemos hecho", "qué pasó ha pasado", "cuál es fue la el nuestra nuestras nuestro", "de qué hablamos",
    "cosa abbiamo fatto", "che cosa è successo", "qual è la il nostra nostre", "di cosa abbiamo parlato",
    "o que fizemos", "o que aconteceu", "qual é foi a nossa nosso",
    "wat hebben we gedaan", "wat is er gebeurd", "wat was de het",
    "是什么", "我们了什么", "什么时候", "ことは何ですか",
    "что мы делали сделали", "что случилось произошло было", "какое какая было была",
)  # fmt: skip
_WITHOUT_SUBJECT = frozenset(
    term for words in (_OF_ANYTHING, " ".join(sorted(STOP_WORDS)), *_IN_OTHER_LANGUAGES) for term in query_terms(words)
)


def has_subject(query: str) -> bool:
    """Whether some word says what it is about."""
    return not _WITHOUT_SUBJECT.issuperset(query_terms(query))
