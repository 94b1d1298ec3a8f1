"""Text of where= reaches the variables of the code that wrote the call, and no others."""

from __future__ import annotations

import _thread
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from types import CodeType
from typing import Any

import numpy as np
import pandas as pd
import pytest

import ruvector as rv

ROWS = np.eye(5, dtype="f4")
FRAME = pd.DataFrame({"n": range(5), "emb": list(ROWS)})
INDEX = rv.build_index(FRAME, on="emb")
OUTSIDE = 3

VERBS: dict[str, Callable[[str], Any]] = {
    "search": lambda text: rv.search(FRAME, ROWS[0], where=text),
    "accessor": lambda text: FRAME.ruvector.search(ROWS[0], where=text),
    "given": lambda text: rv.search(FRAME, ROWS[0], where=text, index=INDEX),
    "by": lambda text: rv.search(FRAME, ROWS[0], where=text, by="n", k=1),
    "within": lambda text: rv.within(FRAME, ROWS[0], where=text, min_similarity=0),
    "within accessor": lambda text: FRAME.ruvector.within(ROWS[0], where=text, min_similarity=0),
    "explain": lambda text: rv.explain(FRAME, ROWS[0], where=text),
    "explain accessor": lambda text: FRAME.ruvector.explain(ROWS[0], where=text),
    "callable": lambda text: rv.search(FRAME, ROWS[0], where=lambda frame: text),
    "pipe": lambda text: FRAME.pipe(rv.search, ROWS[0], where=text),
    "pipe accessor": lambda text: FRAME.pipe(lambda f: f.ruvector.search(ROWS[0], where=text)),
}


def _codes(code: CodeType) -> Iterator[CodeType]:
    yield code
    for part in code.co_consts:
        if isinstance(part, CodeType):
            yield from _codes(part)


def _names_of_ours() -> set[str]:
    """Return every name of a local or global variable in our modules."""
    names: set[str] = set()
    for module in [m for name, m in sys.modules.items() if name.split(".")[0] == "ruvector"]:
        names |= {name for name in vars(module) if name.isidentifier()}
        with open(str(module.__file__)) as file:
            for code in _codes(compile(file.read(), "x", "exec")):
                names |= set(code.co_varnames)
    return {name for name in names if name.isidentifier() and not name.startswith(".")}


@pytest.mark.parametrize("verb", VERBS)
def test_the_callers_variables_are_reached(verb: str) -> None:
    assert VERBS[verb]("n == @OUTSIDE") is not None
    assert VERBS[verb]("n == @text.find('n')") is not None  # a variable of the lambda


def test_local_variables_come_before_global_ones() -> None:
    OUTSIDE = 1
    asked = [
        rv.search(FRAME, ROWS[0], where="n == @OUTSIDE"),
        FRAME.ruvector.search(ROWS[0], where="n == @OUTSIDE"),
        FRAME.pipe(rv.search, ROWS[0], where="n == @OUTSIDE"),
        rv.within(FRAME, ROWS[0], min_similarity=0, where="n == @OUTSIDE"),
        *(FRAME.ruvector.search(ROWS[0], where="n == @OUTSIDE") for _ in range(1) if OUTSIDE),
    ]
    assert [found["n"].tolist() for found in asked] == [[1]] * 5
    assert rv.explain(FRAME, ROWS[0], where="n == @OUTSIDE") is not None


@pytest.mark.sample(3)
@pytest.mark.parametrize("step", [9, pytest.param(1, marks=pytest.mark.long)])
@pytest.mark.parametrize("verb", VERBS)
def test_variables_of_ours_are_never_reached(verb: str, step: int) -> None:
    here = {"text", "frame", "f"} | set(globals())  # of this file: the lambdas above
    standing = ("datetime", "Timestamp", "list", "tuple", "inf", "Inf", "True", "False")
    names = sorted(_names_of_ours() - here - set(standing))
    assert {"where", "wrapped", "self", "near", "far", "_frames"} <= set(names)
    ask = VERBS[verb]
    with pytest.raises(rv.InvalidArgument, match="not defined"):
        ask("@where is not None")
    reached = []
    for name in names[:: 3 if step > 1 and verb == "search" else step]:
        try:
            ask(f"@{name} == 1")
        except rv.InvalidArgument as error:
            if "not defined" in str(error):
                continue
        except Exception:
            pass
        reached.append(name)
    assert not reached


@pytest.mark.parametrize("name", ["frame", "where", "query", "wrapped", "kept"])
def test_a_thread_that_runs_a_verb_of_ours_has_no_variables(name: str) -> None:
    errors: list[Any] = []
    ended = threading.Event()

    def note(got: Any) -> None:
        errors.append(got.exc_value)
        ended.set()

    options = {"where": f"@{name} is not None"}
    before, sys.unraisablehook = sys.unraisablehook, note
    try:
        _thread.start_new_thread(rv.search, (FRAME, ROWS[0]), options)
        assert ended.wait(30)
    finally:
        sys.unraisablehook = before
    assert "not defined" in str(errors[0])
    with ThreadPoolExecutor(1) as pool:
        done = pool.submit(rv.search, FRAME, ROWS[0], where="@wrapped is not None")
        assert "not defined" in str(done.exception())


def test_the_docstring_says_that_such_text_is_code() -> None:
    words = " ".join(str(rv.search.__doc__).split())
    assert "Text for ``df.eval`` is code" in words
