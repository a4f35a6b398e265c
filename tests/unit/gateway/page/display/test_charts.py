"""Charts are whole and within their frame, whatever is measured."""

from __future__ import annotations

from xml.etree import ElementTree as ET

from hypothesis import given
from hypothesis import strategies as st

from services.gateway.page.display.charts import Point, height, line, round_up, width

values = st.floats(-10, 1e6, allow_nan=False)


def test_without_points_there_is_no_chart() -> None:
    assert str(line([], "nothing")) == ""


@given(st.lists(st.tuples(st.floats(0, 2e9), values), min_size=1, max_size=30))
def test_every_point_is_in_the_frame(given: list[tuple[float, float]]) -> None:
    points = [Point(time_s, value, f"<{value}> & more") for time_s, value in sorted(given)]
    most = round_up(max(value for _, value in given))
    drawn = ET.fromstring(str(line(points, 'a "name" <b>', (0, most), most)))
    circles = drawn.findall(".//circle")
    assert len(circles) == len(points)
    for circle in circles:
        assert 0 <= float(circle.get("cx", "-1")) <= width
        assert 0 <= float(circle.get("cy", "-1")) <= height


def test_an_axis_ends_at_a_round_number() -> None:
    assert [round_up(value) for value in (0, 1, 3, 7, 11, 21, 51, 101, 1_999)] == [1, 1, 5, 10, 20, 50, 100, 200, 2_000]
