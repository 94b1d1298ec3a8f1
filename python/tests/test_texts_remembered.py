"""Texts are embedded once, in batches; what was done stays done, whatever stops the rest."""

from __future__ import annotations

import gc
import os
import signal
import time
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import ruvector as rv
from ruvector._text import remembered as _remembered
from ruvector._text.embedder import resolve

LIBRARIES = ["pandas", "pandas object", "pandas Arrow", "polars", "pyarrow"]


class Counting:
    """An embedder that writes down what it was asked."""

    def __init__(self, dim: int = 11) -> None:
        self.calls: list[list[str]] = []
        self.dim = dim

    @property
    def asked(self) -> list[str]:
        return [text for call in self.calls for text in call]

    def vector(self, text: str) -> list[float]:
        return [text.count(c) for c in "0123456789x"] + [1.0] * (self.dim - 11)

    def encode(self, texts: list[str]) -> Any:
        self.calls.append(list(texts))
        return np.array([self.vector(text) for text in texts], np.float32)


@pytest.fixture(autouse=True)
def _empty() -> Any:
    rv.cache.clear()
    yield
    rv.cache.clear()
    assert not _remembered._known._places
    assert not _remembered._known._entries


def frame_of(library: str, texts: list[Any]) -> Any:
    if library == "polars":
        return pl.DataFrame({"body": pl.Series(texts, dtype=pl.String)})
    if library == "pyarrow":
        return pa.table({"body": pa.array(texts, pa.string())})
    dtype = {"pandas object": object, "pandas Arrow": pd.ArrowDtype(pa.large_string())}
    return pd.DataFrame({"body": pd.Series(texts, dtype=dtype.get(library, "str"))})


def vectors_of(frame: Any, embedder: Any, **options: Any) -> Any:
    made = rv.embed(frame, "body", embedder=embedder, **options)
    return rv.to_matrix(made["embedding"])


def check(matrix: Any, texts: list[Any], embedder: Counting) -> None:
    for row, text in zip(matrix, texts, strict=True):
        if text and text.strip():
            assert row.tolist() == embedder.vector(text)
        else:
            assert np.isnan(row).all()


@pytest.mark.parametrize("library", LIBRARIES)
def test_one_changed_cell_embeds_one_text(library: str) -> None:
    texts: list[Any] = [f"row {i}" for i in range(600)]
    texts[7] = None
    texts[8] = ""
    counting = Counting()
    check(vectors_of(frame_of(library, texts), counting), texts, counting)
    assert len(counting.asked) == 598
    texts[300] = "another 77"
    counting.calls.clear()
    check(vectors_of(frame_of(library, texts), counting), texts, counting)
    assert counting.asked == ["another 77"]
    counting.calls.clear()
    for other in LIBRARIES:  # the same texts, wherever they are
        check(vectors_of(frame_of(other, texts), counting), texts, counting)
        part = texts[100:400][::-1]
        check(vectors_of(frame_of(other, part), counting), part, counting)
    assert counting.calls == []


def test_equal_texts_are_embedded_once_and_in_the_order_of_the_rows() -> None:
    texts = [f"t{i % 50}" for i in range(1000)][::-1]
    counting = Counting()
    check(vectors_of(frame_of("pandas", texts), counting), texts, counting)
    assert counting.asked == [f"t{i}" for i in range(49, -1, -1)]


@pytest.mark.parametrize("library", LIBRARIES)
def test_embedders_get_batches_of_the_size_that_was_asked_for(library: str) -> None:
    frame = frame_of(library, [f"{i}" for i in range(600)])
    counting = Counting()
    vectors_of(frame, counting)
    assert [len(call) for call in counting.calls] == [256, 256, 88]
    rv.cache.clear()
    counting.calls.clear()
    vectors_of(frame, counting, batch_size=500)
    assert [len(call) for call in counting.calls] == [500, 100]
    rv.cache.clear()
    counting.calls.clear()
    resolve(counting).encode([f"{i}" for i in range(300)])
    assert [len(call) for call in counting.calls] == [256, 44]


class Failing(Counting):
    """Raises at one call."""

    def __init__(self, at: int, error: BaseException) -> None:
        super().__init__()
        self.at = at
        self.error = error

    def encode(self, texts: list[str]) -> Any:
        if len(self.calls) == self.at:
            self.at = -1
            raise self.error
        return super().encode(texts)


@pytest.mark.parametrize("library", LIBRARIES)
@pytest.mark.parametrize("error", [ConnectionError("gone"), KeyboardInterrupt(), MemoryError()])
def test_batches_that_were_finished_are_kept(library: str, error: BaseException) -> None:
    texts = [f"{i}" for i in range(1000)]
    frame = frame_of(library, texts)
    failing = Failing(2, error)
    with pytest.raises(type(error)) as caught:
        rv.search(frame, "5", text="body", embedder=failing)
    assert caught.value is error
    assert failing.asked == texts[:512]
    if isinstance(error, Exception):
        assert "texts of rows 512 to 767 were embedded; 512 texts before are kept" in str(
            caught.value.__notes__
        )
    failing.calls.clear()
    hits = rv.search(frame, "5", text="body", embedder=failing, k=1, metric="l2")
    assert failing.asked == [*texts[512:], "5"]
    assert hits["body"][0].as_py() == "5" if library == "pyarrow" else len(hits) == 1
    assert rv.cache.info().texts == 1  # the part is in the whole now
    check(vectors_of(frame, failing), texts, failing)


def test_an_interrupt_by_signal_keeps_what_was_done() -> None:
    texts = [f"{i}" for i in range(1024)]
    counting = Counting()

    def slow(batch: list[str]) -> Any:
        if len(counting.calls) == 3:
            os.kill(os.getpid(), signal.SIGINT)
            time.sleep(5)
        return counting.encode(batch)

    frame = frame_of("polars", texts)
    begin = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        rv.embed(frame, "body", embedder=slow)
    assert time.monotonic() - begin < 4
    assert counting.asked == texts[:768]
    counting.calls.append([])
    check(vectors_of(frame, slow), texts, counting)
    assert counting.asked == texts


def test_the_model_keeps_its_runs_too(monkeypatch: pytest.MonkeyPatch) -> None:
    from ruvector._text.kinds import static

    monkeypatch.setattr(static, "_PART_TEXTS", 100)
    texts = [f"word {i}" for i in range(350)]
    model = resolve(None)
    encode = static.Static.__call__
    calls: list[int] = []

    def counted(self: Any, part: list[str], told: Any, query: bool) -> Any:
        calls.append(len(part))
        if len(calls) == 3:
            raise KeyboardInterrupt
        return encode(self, part, told, query)

    monkeypatch.setattr(static.Static, "__call__", counted)
    frame = frame_of("polars", texts)
    with pytest.raises(KeyboardInterrupt):
        rv.embed(frame, "body")
    assert calls == [100, 100, 100]
    matrix = rv.to_matrix(rv.embed(frame, "body")["embedding"])
    assert calls[3:] == [100, 50]
    np.testing.assert_array_equal(matrix, model.encode(texts))


def test_a_wrong_answer_names_the_rows() -> None:
    class Short(Counting):
        def encode(self, texts: list[str]) -> Any:
            found = super().encode(texts)
            return found[:-1] if len(self.calls) == 2 else found

    with pytest.raises(rv.EmbedError, match="255 vectors for 256 texts") as caught:
        vectors_of(frame_of("polars", [f"{i}" for i in range(600)]), Short())
    assert "rows 256 to 511" in caught.value.__notes__[0]

    class Wider(Counting):
        def encode(self, texts: list[str]) -> Any:
            self.dim = 11 + len(self.calls)
            return super().encode(texts)

    with pytest.raises(rv.EmbedError, match="12 dimensions, and of 11"):
        vectors_of(frame_of("polars", [f"{i}" for i in range(600)]), Wider())


def test_an_embedder_that_changed_its_dimensions_embeds_all_anew() -> None:
    counting = Counting()
    vectors_of(frame_of("polars", ["1", "2"]), counting)
    counting.dim = 13
    counting.calls.clear()
    check(vectors_of(frame_of("polars", ["1", "2", "3"]), counting), ["1", "2", "3"], counting)
    assert set(counting.asked) == {"1", "2", "3"}


def test_vectors_that_are_not_finite_are_not_kept() -> None:
    calls: list[int] = []

    def broken(texts: list[str]) -> Any:
        calls.append(len(texts))
        value = np.nan if len(calls) == 1 else 1.0
        return np.full((len(texts), 3), value, np.float32)

    frame = frame_of("pandas", ["a", "b"])
    with pytest.raises(rv.InvalidVector):
        rv.search(frame, "a", text="body", embedder=broken)
    assert len(rv.search(frame, "a", text="body", embedder=broken)) == 2
    assert calls[0] == 2


def test_embedders_share_no_texts_and_the_memory_is_bounded() -> None:
    one, two = Counting(), Counting()
    texts = [f"{i}" for i in range(200)]
    vectors_of(frame_of("polars", texts), one)
    vectors_of(frame_of("polars", texts), two)
    assert len(two.asked) == 200
    held = rv.cache.info().bytes
    assert held > 2 * 200 * (11 * 4 + 16 + 100)
    with rv.config(cache_bytes=held):
        vectors_of(frame_of("polars", [f"new {i}" for i in range(150)]), two)
        assert rv.cache.info().bytes <= held
        one.calls.clear()
        vectors_of(frame_of("polars", [*texts, "more"]), one)
        assert len(one.asked) == 201  # they were dropped
    with rv.config(cache_bytes=0):
        rv.cache.clear()
        vectors_of(frame_of("polars", texts), two)
        vectors_of(frame_of("polars", texts), two)
        assert rv.cache.info().bytes == 0
        assert not _remembered._known._entries


def test_what_is_dropped_lets_go_of_the_embedder() -> None:
    import weakref

    counting = Counting()
    vectors_of(frame_of("polars", ["a"]), counting)
    alive = weakref.ref(counting)
    del counting
    gc.collect()
    assert alive() is not None
    rv.cache.clear()
    gc.collect()
    assert alive() is None


@settings(max_examples=80, deadline=None)
@given(
    columns=st.lists(
        st.lists(
            st.one_of(st.none(), st.sampled_from(["", " ", "\x1f"]), st.text(max_size=4)),
            min_size=1,
            max_size=25,
        ),
        min_size=1,
        max_size=5,
    ),
    libraries=st.lists(st.sampled_from(LIBRARIES), min_size=5, max_size=5),
    limit=st.sampled_from([None, 3000]),
)
def test_any_columns_have_the_vectors_of_their_texts(
    columns: list[list[Any]], libraries: list[str], limit: int | None
) -> None:
    rv.cache.clear()
    counting = Counting()
    seen: set[str] = set()
    with rv.config(cache_bytes=limit):
        for texts, library in zip(columns, libraries, strict=False):
            texts = [t if t is None or t.isprintable() or t == "\x1f" else "?" for t in texts]
            frame = frame_of(library, texts)
            check(vectors_of(frame, counting), texts, counting)
            new = {t for t in texts if t and t.strip()}
            asked = [t for t in counting.asked if t != "dimension" or "dimension" in new]
            counting.calls.clear()
            assert len(asked) == len(set(asked))
            if limit is None:
                assert set(asked) == new - seen
            seen |= new


def test_a_warm_column_of_many_texts_costs_no_second() -> None:
    texts = [f"text {i}" for i in range(100_000)]
    counting = Counting()
    vectors = np.zeros((100_000, 4), np.float32)
    quick = resolve(lambda batch: vectors[: len(batch)])
    rv.embed(frame_of("polars", texts), "body", embedder=quick)
    texts[5] = "changed"
    begin = time.process_time()
    rv.embed(frame_of("polars", texts), "body", embedder=quick)
    assert time.process_time() - begin < 1.5
    assert not counting.calls


def test_progress_is_told_of_all_texts(capsys: pytest.CaptureFixture[str]) -> None:
    told: list[tuple[int, int]] = []
    frame = frame_of("polars", [f"{i}" for i in range(600)])
    tell: Any = lambda done, total: told.append((done, total))  # noqa: E731
    rv.embed(frame, "body", embedder=Counting(), progress=tell)
    assert told == [(256, 600), (512, 600), (600, 600)]
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize(
    "texts", [["ä", "ö" * 5000], ["\ud800", "x"], ["a\0b", "a"], ["", None], [None], []]
)
def test_digests_are_the_same_in_every_library(texts: list[Any]) -> None:
    from ruvector._frames.adapters import wrap

    libraries = LIBRARIES if "\ud800" not in texts else ["pandas object"]
    columns = [wrap(frame_of(library, texts)).text_column("body") for library in libraries]
    assert len({column.digest() for column in columns}) == 1
    first = columns[0].hashes()
    for column in columns:
        assert column.all() == texts
        assert column.rows == len(texts)
        hashes = column.hashes()
        assert hashes.any(axis=1).tolist() == [text is not None for text in texts]
        assert (hashes == first).all()
        column.close()


def test_many_queries_are_embedded_once_and_kept_too() -> None:
    rows = [f"{i}" for i in range(300)]
    frame = frame_of("polars", rows)
    failing = Failing(1, ConnectionError("gone"))
    with pytest.raises(ConnectionError):
        rv.embed(frame, "body", embedder=failing)
    asked = [*rows, *rows[:50]]
    hits = rv.search(frame, asked, text="body", embedder=failing, k=1, metric="l2")
    assert failing.asked == rows
    assert hits["l2_distance"].to_list() == [0] * 350
    index = frame.ruvector.build_index(text="body", embedder=failing, metric="l2")
    assert index.search(asked, 1).scores.ravel().tolist() == [0] * 350
    assert failing.asked == rows
    with pytest.raises(rv.EmbedError, match=r"query 299 \(' '\) has no text"):
        index.search([*rows[:299], " "])
