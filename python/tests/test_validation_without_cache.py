"""What is refused is refused whether or not something like it was searched before."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import ruvector as rv

ODD = [5, 5.5, b"bytes", ["list"], object(), True, np.int64(3), {"a": 1}, (1, 2), 1 + 2j]
NULLS = [None, float("nan"), pd.NA, np.nan, pd.NaT]


@pytest.fixture(autouse=True)
def cold() -> None:
    rv.cache.clear()


@pytest.mark.parametrize("odd", ODD, ids=lambda odd: type(odd).__name__)
@pytest.mark.parametrize("warm", [False, True])
@pytest.mark.parametrize("verb", ["search", "within", "build_index"])
def test_a_cell_that_is_no_text_is_refused_cold_and_warm(odd, warm, verb) -> None:
    if warm:
        clean = pd.DataFrame({"t": pd.Series(["one", None, "two"], dtype=object)})
        clean.ruvector.search("one", text="t")
    frame = pd.DataFrame({"t": pd.Series(["one", odd, "two"], dtype=object)})
    with pytest.raises(rv.EmbedError, match=r"'t'.*row 1") as caught:
        if verb == "search":
            frame.ruvector.search("one", text="t")
        elif verb == "within":
            frame.ruvector.within("one", text="t", min_similarity=0.1)
        else:
            frame.ruvector.build_index(on="t")
    assert caught.value.row == 1


@pytest.mark.parametrize("null", NULLS, ids=repr)
def test_nulls_of_every_kind_are_the_same_text_column(null) -> None:
    frames = [
        pd.DataFrame({"t": pd.Series(["one", cell, "two"], dtype=object)}) for cell in (None, null)
    ]
    answers = [frame.ruvector.search("two", text="t", k=3) for frame in frames]
    assert [answer.index.tolist() for answer in answers] == [answers[0].index.tolist()] * 2
    assert len(answers[0]) == 2
    assert rv.cache.info().texts == 1


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_a_bad_vector_is_refused_cold_and_after_it_was_skipped(bad) -> None:
    rng = np.random.default_rng(1)
    matrix = rng.standard_normal((10_050, 4)).astype(np.float32)
    matrix[7, 2] = bad
    frame = pd.DataFrame({"v": list(matrix)})
    with pytest.raises(rv.InvalidVector, match="row 7"):
        frame.ruvector.search(matrix[0])
    with rv.config(bad_vectors="skip"):
        assert len(frame.ruvector.search(matrix[0], k=2)) == 2
    with pytest.raises(rv.InvalidVector, match="row 7"):
        frame.ruvector.search(matrix[0])
