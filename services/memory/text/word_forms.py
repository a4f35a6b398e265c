"""Words that count as one in searches: irregular English forms, and names with a short form."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

# The others become the first form. Left out are forms whose stem is also another word's: bound, leaves, lives, rose,
# indices.
_IRREGULAR = """
arise arose arisen, awake awoke awoken, beat beaten, become became, begin began begun, bend bent, bite bit bitten,
blow blew blown, break broke broken, bring brought, build built, burn burnt, buy bought, catch caught,
choose chose chosen, come came, deal dealt, dig dug, draw drew drawn, dream dreamt, drink drank drunk,
drive drove driven, eat ate eaten, fall fell fallen, feed fed, feel felt, fight fought, find found, fly flew flown,
forbid forbade forbidden, forget forgot forgotten, forgive forgave forgiven, freeze froze frozen, get got gotten,
give gave given, go went gone, grow grew grown, hang hung, hear heard, hide hid hidden, hold held, keep kept,
know knew known, lead led, learn learnt, leave left, lend lent, lose lost, make made, mean meant, meet met, pay paid,
ride rode ridden, ring rang rung, rise risen, run ran, say said, see saw seen, seek sought, sell sold, send sent,
shake shook shaken, shine shone, shoot shot, show shown, shrink shrank shrunk, sing sang sung, sink sank sunk, sit sat,
sleep slept, speak spoke spoken, speed sped, spend spent, spin spun, stand stood, steal stole stolen, stick stuck,
strike struck, swear swore sworn, sweep swept, swim swam swum, swing swung, take took taken, teach taught,
tear tore torn, tell told, think thought, throw threw thrown, understand understood, wake woke woken, wear wore worn,
win won, write wrote written,
man men, woman women, foot feet, tooth teeth, mouse mice, person people, wife wives, knife knives, half halves
"""
_SHORT = """
child children kid kids, mother mom mum, father dad, grandmother grandma, grandfather grandpa, photograph photo,
repository repo repos, configuration config configs, database db, directory dir dirs, environment env,
argument arg args, parameter param params, function func, documentation docs, application app apps,
authentication auth, message msg, package pkg, javascript js, typescript ts, kubernetes k8s, postgresql postgres
"""


def joined_forms(stem: Callable[[str], str]) -> Mapping[str, str]:
    """Maps the stem of every joined form to the stem of its first form."""
    groups = [line.split() for line in f"{_IRREGULAR},{_SHORT}".split(",")]
    return MappingProxyType({stem(form): stem(first) for first, *forms in groups for form in forms})
