"""The error of the score, and its diagram, say what they are said to."""

from __future__ import annotations

from xml.etree import ElementTree

import pytest

from tests.performance.corpora.reliability import Scored, bins, calibration_error, diagram, rows

RIGHT_HALF_OF_THE_TIME = [Scored(0.5, is_right) for is_right in (True, False)] * 4
SURE_AND_WRONG = [Scored(1.0, False)] * 3
CIRCLE = "{http://www.w3.org/2000/svg}circle"


def test_a_score_that_says_how_often_it_is_right_has_no_error() -> None:
    assert calibration_error(RIGHT_HALF_OF_THE_TIME) == 0


def test_one_that_is_always_sure_and_wrong_errs_by_all() -> None:
    assert calibration_error(SURE_AND_WRONG) == 1


def test_each_span_counts_by_its_results() -> None:
    both = [*RIGHT_HALF_OF_THE_TIME, *SURE_AND_WRONG]
    assert [each.results for each in bins(both)] == [8, 3]
    assert calibration_error(both) == pytest.approx(3 / 11)


def test_the_diagram_has_a_point_for_each_span_of_each_set() -> None:
    sets = {"one": [*RIGHT_HALF_OF_THE_TIME, *SURE_AND_WRONG], "other": SURE_AND_WRONG}
    drawn = ElementTree.fromstring(diagram(sets))
    assert len(drawn.findall(CIRCLE)) == 3
    told = " ".join(each.text or "" for each in drawn.iter())
    assert all(f"{row.name.split(':')[0]}: " in told for row in rows(sets))
