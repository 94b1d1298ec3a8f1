"""Programs of users that type checkers read (checks/static.sh) do at run time what they are told.

mypy and pyright take half a minute, so that `make test` leaves them to `make lint`; here the
programs run, and the types that they assert are compared with those of the values.
"""

from __future__ import annotations

import pathlib
import runpy
import typing
from typing import Any

import pytest

PROGRAMS = sorted(pathlib.Path(__file__).with_name("programs").glob("*.py"))
STATIC = pathlib.Path(__file__).parents[2] / "checks" / "static.sh"


def _is_told(value: Any, told: Any) -> Any:
    """Stand for `assert_type` at run time."""
    kind = typing.get_origin(told) or told
    assert isinstance(value, kind), f"{type(value)} was told to be {told}"
    return value


@pytest.mark.parametrize("program", PROGRAMS, ids=lambda path: path.stem)
def test_a_program_runs_and_its_types_are_those_of_its_values(
    program: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(typing, "assert_type", _is_told)
    runpy.run_path(str(program))


def test_the_programs_are_read_by_both_checkers() -> None:
    assert len(PROGRAMS) >= 4
    text = STATIC.read_text()
    assert "mypy --strict tests/programs" in text
    assert "-p python/tests/programs" in text
