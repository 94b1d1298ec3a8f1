"""Values by name that are used inside."""

from __future__ import annotations

import pytest

from ruvector._record import Record


class Point(Record):
    """Two numbers and a word."""

    x: int
    y: int
    name: str = "none"

    def total(self) -> int:
        """Return the sum."""
        return self.x + self.y


def test_values_are_given_in_order_or_by_name() -> None:
    point = Point(1, y=2)
    assert (point.x, point.y, point.name, point.total()) == (1, 2, "none", 3)
    assert Point(1, 2, "a").name == "a" == Point(name="a", x=1, y=2).name
    assert Point.name == "none"


@pytest.mark.parametrize(
    ("values", "named"),
    [((1,), {}), ((1, 2, "a", 4), {}), ((1, 2), {"z": 3}), ((1, 2), {"x": 3}), ((), {"y": 1})],
)
def test_too_few_and_too_many_are_refused(values: tuple[int, ...], named: dict[str, int]) -> None:
    with pytest.raises(TypeError, match="Point is made of x, y, name"):
        Point(*values, **named)
