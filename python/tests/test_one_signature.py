"""Methods that are written elsewhere are told of as if they were written in their class."""

from __future__ import annotations

import inspect
import pickle
import typing
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pytest

import ruvector as rv

METHODS = (
    "build", "build_async", "load", "save", "search", "search_async", "within", "neighbors",
    "recall", "calibrate", "add", "upsert", "delete", "compact", "info",
)  # fmt: skip
VERBS = (
    "search", "hybrid", "within", "sim_join", "explain", "describe", "plot", "build_index", "embed",
    "dedup", "duplicated", "duplicate_groups", "similarity_quantiles", "neighbors", "similar_to",
    "recall",
)  # fmt: skip
ROWS = np.eye(3, dtype=np.float32)


def accessor(library: str) -> Any:
    """Return the accessor of a frame of one column of vectors."""
    if library == "pandas":
        return pd.DataFrame({"emb": list(ROWS)}).ruvector
    frame: Any = pl.DataFrame({"emb": ROWS})
    return frame.ruvector


def test_an_index_is_one_class() -> None:
    assert rv.Index.__mro__ == (rv.Index, object)
    assert type(rv.Index.build(ROWS)) is rv.Index


@pytest.mark.parametrize("name", METHODS)
def test_methods_of_an_index_are_called_what_they_are(name: str) -> None:
    method = getattr(rv.Index, name)
    assert method.__qualname__ == f"Index.{name}"
    assert method.__module__ == rv.Index.__module__
    assert pickle.loads(pickle.dumps(method)) == method
    assert inspect.getdoc(method)
    hints = typing.get_type_hints(method)
    assert set(inspect.signature(method).parameters) - set(hints) <= {"self"}


def test_errors_name_the_class_and_nothing_behind_it() -> None:
    index: Any = rv.Index.build(ROWS)
    made: Any = rv.Index
    calls: list[tuple[Any, str]] = [
        (lambda: index.search(kk=3), r"^Index\.search\(\) got an unexpected keyword"),
        (lambda: made.build(), r"^Index\.build\(\) missing 1 required"),
        (lambda: index.add(), r"^Index\.add\(\) missing 1 required"),
    ]
    for call, says in calls:
        with pytest.raises(TypeError, match=says):
            call()


def test_a_bound_method_is_pickled_with_its_index() -> None:
    search = pickle.loads(pickle.dumps(rv.Index.build(ROWS).search))
    assert search(ROWS[2], k=1).ids.tolist() == [2]


def test_a_subclass_builds_its_own_kind() -> None:
    class Mine(rv.Index):
        __slots__ = ()

    assert type(Mine.build(ROWS)) is Mine


@pytest.mark.parametrize("library", ["pandas", "polars"])
@pytest.mark.parametrize("name", VERBS)
def test_a_verb_has_one_signature(library: str, name: str) -> None:
    function, method = getattr(rv, name), getattr(accessor(library), name)
    whole, mine = inspect.signature(function), inspect.signature(method)
    frame, *others = whole.parameters.values()
    assert frame.name == ("left" if name == "sim_join" else "frame")
    assert list(mine.parameters.values()) == others
    assert mine.return_annotation == whole.return_annotation
    assert method.__name__ == name
    typing.get_type_hints(function)
    assert "frame" not in typing.get_type_hints(type(accessor(library)).__dict__.get(name, method))


@pytest.mark.parametrize("name", VERBS)
def test_help_of_a_method_is_that_of_the_function_without_the_frame(name: str) -> None:
    told = inspect.getdoc(getattr(accessor("pandas"), name)) or ""
    whole = inspect.getdoc(getattr(rv, name)) or ""
    assert "frame : " not in told
    assert "Parameters\n----------\n\n" not in told
    left = told.splitlines()
    lines = whole.splitlines()
    assert left[0] == lines[0]
    assert left[left.index("Returns") :] == lines[lines.index("Returns") :]


@pytest.mark.parametrize("library", [pd, pl])
@pytest.mark.parametrize("name", ("to_matrix", "similarity", "distance"))
def test_a_verb_of_columns_has_one_signature_and_one_help(library: Any, name: str) -> None:
    function, method = getattr(rv, name), getattr(library.Series([1.0]).ruvector, name)
    column, *others = inspect.signature(function).parameters.values()
    assert column.name == "column"
    assert list(inspect.signature(method).parameters.values()) == others
    told, whole = inspect.getdoc(method) or "", inspect.getdoc(function) or ""
    assert "column : pandas" not in told
    assert told.splitlines()[0] == whole.splitlines()[0]
    assert told.endswith(whole[whole.index("Returns") :])
    assert method.__name__ == name


def test_explain_takes_what_search_takes() -> None:
    explain, search = inspect.signature(rv.explain), inspect.signature(rv.search)
    assert explain.parameters == search.parameters
    frame = pd.DataFrame({"emb": list(ROWS)})
    assert rv.explain(frame, ROWS[0], k=2).rows == 3
    assert rv.explain(frame=frame, query=ROWS[0]).queries == 1
    with pytest.raises(TypeError, match="unexpected keyword argument 'kk'"):
        rv.explain(frame, ROWS[0], kk=2)  # type: ignore[call-arg]
