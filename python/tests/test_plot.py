"""Pictures: what is drawn is what the numbers say, and nothing else of the user's is touched."""

from __future__ import annotations

import subprocess
import sys
import textwrap
import warnings
from collections.abc import Iterator
from typing import Any

import matplotlib as mpl
import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

import ruvector as rv
from ruvector._show import drawing

mpl.use("agg")
from matplotlib import pyplot as plt
from matplotlib.colors import to_hex

RNG = np.random.default_rng(5)
ROWS = 60
VECTORS = (RNG.standard_normal((ROWS, 6)) * [5, 3, 1, 1, 0.5, 0.1]).astype(np.float32)
COLUMNS: dict[str, Any] = {
    "name": [f"name {i}" for i in range(ROWS)],
    "topic": ["abcdefgh"[min(i % 9, 7)] for i in range(ROWS)],
    "year": list(range(1990, 1990 + ROWS)),
    "emb": list(VECTORS),
}
MAKE: dict[str, Any] = {"pandas": pd.DataFrame, "polars": pl.DataFrame, "pyarrow": pa.table}
FRAME = pd.DataFrame(COLUMNS)


@pytest.fixture(autouse=True)
def _closed() -> Iterator[None]:
    yield
    plt.close("all")


def points(ax: Any, number: int = 0) -> Any:
    return np.asarray(ax.collections[number].get_offsets())


def components(rows: Any) -> Any:
    """Return coordinates along the two directions of most variance, signs as ours."""
    centred = np.asarray(rows, np.float64) - np.mean(rows, axis=0, dtype=np.float64)
    _, _, axes = np.linalg.svd(centred, full_matrices=False)
    axes = axes[:2]
    signs = np.sign(axes[np.arange(2), np.abs(axes).argmax(axis=1)])
    return centred @ (axes * signs[:, None]).T


def unit(rows: Any) -> Any:
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


@pytest.mark.parametrize("library", MAKE)
@pytest.mark.parametrize("metric", ["cosine", "l2", "dot"])
def test_the_map_is_the_principal_components(library: str, metric: Any) -> None:
    ax = rv.plot(MAKE[library](COLUMNS), metric=metric)
    rows = unit(VECTORS) if metric == "cosine" else VECTORS
    np.testing.assert_allclose(points(ax), components(rows), atol=1e-4)
    assert ax.get_xlabel() == "principal component 1"
    assert ax.get_ylabel() == "principal component 2"
    assert ax.get_title() == "emb: 60 rows, 6 dimensions"


def test_rows_without_a_vector_are_left_out() -> None:
    cells: list[Any] = [*VECTORS]
    cells[3] = cells[17] = None
    for frame in (pd.DataFrame({"emb": cells}), pa.table({"emb": cells})):
        ax = rv.plot(frame)
        kept = np.delete(VECTORS, [3, 17], axis=0)
        np.testing.assert_allclose(points(ax), components(unit(kept)), atol=1e-4)
        assert "58 of 60 rows" in ax.get_title()


def test_a_row_that_is_not_finite_is_named_or_skipped() -> None:
    bad = VECTORS.copy()
    bad[41, 2] = np.nan
    frame = pl.DataFrame({"emb": bad})
    with pytest.raises(rv.InvalidVector, match="'emb': row 41 is not finite") as caught:
        rv.plot(frame)
    assert caught.value.row == 41
    with rv.config(bad_vectors="skip"):
        assert len(points(rv.plot(frame))) == ROWS - 1


@pytest.mark.parametrize("library", MAKE)
def test_hits_lie_where_their_rows_do(library: str) -> None:
    frame = MAKE[library](COLUMNS)
    hits = rv.search(frame, VECTORS[7], k=4)
    column = hits["name"]
    names = column.to_pylist() if library == "pyarrow" else list(column)
    rows = [int(name.split()[1]) for name in names]
    booleans = np.isin(np.arange(ROWS), rows)
    for given in (hits, rows, np.array(rows), booleans, booleans.tolist()):
        ax = rv.plot(frame, hits=given)
        ring = ax.collections[1]
        want = points(ax)[rows if given is not booleans else sorted(rows)]
        if isinstance(given, list) and isinstance(given[0], bool):
            want = points(ax)[sorted(rows)]
        np.testing.assert_array_equal(points(ax, 1), want)
        assert to_hex(ring.get_edgecolor()[0]).upper() == drawing.MARK
        assert len(ring.get_facecolor()) == 0


def test_hits_of_a_batch_and_of_equal_rows_are_marked_once() -> None:
    twice = pd.DataFrame({"emb": [*VECTORS[:5], *VECTORS[:5]]}, index=list("aabbccddee"))
    hits = rv.search(twice, VECTORS[:2], k=2)
    ax = rv.plot(twice, hits=hits)
    assert len(points(ax, 1)) == len(np.unique(hits["emb"].map(tuple)))
    none = rv.search(twice, VECTORS[0], k=0)
    assert len(points(rv.plot(twice, hits=none), 1)) == 0


def test_texts_are_embedded_and_hits_of_texts_are_found() -> None:
    texts = ["refund took weeks", "great phone", None, "the battery died", "great phone"]
    frame = pd.DataFrame({"body": texts})

    def embed(texts: list[str]) -> Any:
        return np.array([[len(t), t.count("e"), ord(t[0])] for t in texts], np.float32)

    hits = rv.search(frame, "phone", text="body", k=2, embedder=embed)
    ax = rv.plot(frame, text="body", hits=hits, embedder=embed)
    assert len(points(ax)) == 4
    assert set(map(tuple, points(ax, 1))) <= set(map(tuple, points(ax)))


def test_hits_that_are_none_say_what_would_be() -> None:
    index = rv.Index.build(VECTORS)
    wrong: list[tuple[Any, str]] = [
        (index.search(VECTORS[0]), r"hits=result\.rows\(frame\)"),
        ([0, 60], "names row 60, and the frame has 60 rows"),
        ([-1], "names row -1"),
        ([0.5], "hits=list must be what a search"),
        ("name", "hits=str must be what a search"),
        ([True, False], "60 rows"),
        (pd.DataFrame({"emb": [VECTORS[0] + 1]}), "1 of 1 rows that are not in the frame"),
    ]
    for hits, says in wrong:
        with pytest.raises(rv.InvalidArgument, match=says):
            rv.plot(FRAME, hits=hits)
    with pytest.raises(rv.ColumnError, match=r"search without columns="):
        rv.plot(FRAME, hits=FRAME[["name"]])


@pytest.mark.parametrize("library", MAKE)
def test_values_are_colours_with_a_legend(library: str) -> None:
    ax = rv.plot(MAKE[library](COLUMNS), color="topic")
    legend: Any = ax.get_legend()
    names = [text.get_text() for text in legend.get_texts()]
    assert names[0] == "h" and len(names) == 7 and names[-1] == "others"
    assert legend.get_title().get_text() == "topic"
    assert sum(len(collection.get_offsets()) for collection in ax.collections) == ROWS
    used = {to_hex(c.get_facecolor()[0]).upper() for c in ax.collections if len(c.get_offsets())}
    assert used == {*map(str.upper, drawing.COLOURS), drawing.REST}


@pytest.mark.parametrize("library", MAKE)
def test_numbers_are_colours_with_a_scale(library: str) -> None:
    years: list[Any] = list(COLUMNS["year"])
    years[5] = None
    ax = rv.plot(MAKE[library]({**COLUMNS, "year": years}), color="year")
    assert [len(c.get_offsets()) for c in ax.collections] == [1, ROWS - 1]
    bar = ax.figure.axes[-1]
    assert bar.get_ylabel() == "year"
    known = [year for year in years if year is not None]
    np.testing.assert_array_equal(ax.collections[1].get_array(), known)


def test_columns_of_other_types_are_colours_and_texts() -> None:
    frame = FRAME.assign(
        flag=[True, False] * 30, day=pd.date_range("2024-01-01", periods=2).repeat(30)
    )
    for color in ("flag", "day"):
        names = [t.get_text() for t in rv.plot(frame, color=color).get_legend().get_texts()]
        assert len(names) == 2
    with pytest.raises(rv.ColumnError, match="holds vectors"):
        rv.plot(frame, color="emb")
    with pytest.raises(rv.ColumnError, match="no column 'tpic'"):
        rv.plot(frame, label="tpic")


def test_labels_of_hits_are_numbered_best_first() -> None:
    hits = rv.search(FRAME, VECTORS[7], k=3)
    ax = rv.plot(FRAME, hits=hits, label="name")
    texts = [text.get_text() for text in ax.get_legend().get_texts()]
    assert texts == [f"{n}  {name}" for n, name in enumerate(hits["name"], 1)]
    assert [text.get_text() for text in ax.texts] == ["1", "2", "3"]
    both = rv.plot(FRAME, hits=hits, label="name", color="topic")
    assert len([child for child in both.get_children() if "Legend" in type(child).__name__]) == 2


def test_labels_without_hits_do_not_overlap() -> None:
    ax = rv.plot(FRAME, label="name")
    ax.figure.canvas.draw()
    boxes = [text.get_window_extent() for text in ax.texts]
    assert 3 <= len(boxes) <= 40
    for i, box in enumerate(boxes):
        assert not any(box.overlaps(other) for other in boxes[i + 1 :])


def test_texts_of_users_are_not_read_as_formulas() -> None:
    odd = [f"costs ${i} and ${i + 1}" for i in range(ROWS)]
    frame = pd.DataFrame({"$x^2$ and $": list(VECTORS), "_b": odd, "$c$": ["_x", "$y$"] * 30})
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for options in ({"label": "_b"}, {"color": "$c$"}, {"hits": [1, 2], "label": "_b"}):
            ax = rv.plot(frame, **options)  # type: ignore[arg-type]
            ax.figure.canvas.draw()
    names = [text.get_text().strip() for text in rv.plot(frame, color="$c$").get_legend().texts]
    assert names == ["_x", "$y$"]


def test_a_sample_is_drawn_of_many_rows_and_hits_stay() -> None:
    ax = rv.plot(FRAME, sample=10, hits=[3, 50])
    drawn = points(ax)
    assert 10 <= len(drawn) <= 12
    assert f"{len(drawn)} of 60 rows" in ax.get_title()
    assert len(points(ax, 1)) == 2
    again = rv.plot(FRAME, sample=10, hits=[3, 50])
    np.testing.assert_array_equal(points(again), drawn)


def test_your_own_coordinates_are_taken() -> None:
    given = RNG.standard_normal((ROWS, 2))
    ax = rv.plot(FRAME, projection=given)
    np.testing.assert_allclose(points(ax), given, rtol=1e-6)
    wrong: tuple[Any, ...] = (given[:5], "tsne", 3, given.astype(str))
    for projection in wrong:
        with pytest.raises(rv.InvalidArgument, match="projection="):
            rv.plot(FRAME, projection=projection)


def test_umap_is_named_when_it_is_not_installed() -> None:
    code = """
        import sys
        sys.modules["umap"] = None
        import matplotlib; matplotlib.use("agg")
        import numpy as np, pandas as pd, ruvector as rv
        try:
            rv.plot(pd.DataFrame({"emb": list(np.eye(9))}), projection="umap")
        except rv.MissingExtra as error:
            print(error.pip)
    """
    assert run(code) == "pip install umap-learn"


def test_without_matplotlib_the_pip_line_is_said_before_any_work() -> None:
    code = """
        import sys
        sys.modules["matplotlib"] = sys.modules["matplotlib.pyplot"] = None
        import pandas as pd, ruvector as rv
        def embed(texts): raise AssertionError("worked first")
        try:
            rv.plot(pd.DataFrame({"body": ["a", "b"]}), text="body", embedder=embed)
        except rv.MissingExtra as error:
            print(error.pip)
        try:
            rv.recommend(1000, 8).plot()
        except rv.MissingExtra as error:
            print(error.pip)
    """
    assert run(code).splitlines() == ["pip install 'ruvector-arrow[viz]'"] * 2


def test_matplotlib_is_imported_by_the_first_picture_alone() -> None:
    code = """
        import sys, numpy as np, pandas as pd, ruvector as rv
        df = pd.DataFrame({"emb": list(np.eye(4, dtype="float32"))})
        df.ruvector.search([1.0, 0, 0, 0])
        rv.recommend(100, 4)
        print("matplotlib" in sys.modules, "umap" in sys.modules)
    """
    assert run(code) == "False False"


def run(code: str) -> str:
    ended = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code)], capture_output=True, text=True, check=True
    )
    return ended.stdout.strip()


def test_axes_of_the_user_are_drawn_in_and_not_restyled() -> None:
    with plt.style.context("dark_background"):
        figure, axes = plt.subplots(1, 2)
        face, ink = axes[0].get_facecolor(), axes[0].xaxis.label.get_color()
        assert rv.plot(FRAME, ax=axes[0]) is axes[0]
        assert rv.plot(FRAME, kind="similarity", min_similarity=0.5, ax=axes[1]) is axes[1]
        assert axes[0].get_facecolor() == face and axes[0].xaxis.label.get_color() == ink
        told = axes[1].get_legend().get_texts()[0].get_color()
        assert to_hex(told) == to_hex(ink)
        assert plt.get_fignums() == [figure.number]
    whole: Any = axes
    with pytest.raises(rv.InvalidArgument, match=r"ndarray is not .*pass one, axes\[0\]"):
        rv.plot(FRAME, ax=whole)


def test_new_axes_have_no_ground_and_ink_for_light_and_dark() -> None:
    for ax in (rv.plot(FRAME), rv.plot(FRAME, kind="similarity"), rv.recommend(10**6, 96).plot()):
        assert ax.get_facecolor()[3] == 0 and ax.figure.get_facecolor()[3] == 0
        for text in (ax.xaxis.label, ax.yaxis.label, ax.title, *ax.get_xticklabels()):
            assert contrast(text.get_color(), "#ffffff") > 3.5
            assert contrast(text.get_color(), "#111111") > 3.5
    for colour in (*drawing.COLOURS, drawing.REST, drawing.MARK):
        assert contrast(colour, "#ffffff") > 2
        assert contrast(colour, "#111111") > 2.5


def contrast(one: str, other: str) -> float:
    """Return the ratio of WCAG 2."""

    def luminance(colour: str) -> float:
        rgb = np.array(mpl.colors.to_rgb(colour))
        linear = np.where(rgb <= 0.03928, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
        return float(linear @ [0.2126, 0.7152, 0.0722])

    light, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


@pytest.mark.parametrize("library", MAKE)
@pytest.mark.parametrize("metric", ["cosine", "l2"])
def test_the_histogram_is_of_the_nearest_other_rows(library: str, metric: Any) -> None:
    near = unit(VECTORS) @ unit(VECTORS).T if metric == "cosine" else None
    if near is None:
        near = -np.linalg.norm(VECTORS[:, None] - VECTORS[None], axis=2)
    np.fill_diagonal(near, -np.inf)
    want = np.abs(near.max(axis=1))
    limit = float(np.sort(want)[20]) + 1e-4
    bound = {"min_similarity": limit} if metric == "cosine" else {"max_distance": limit}
    ax = rv.plot(MAKE[library](COLUMNS), kind="similarity", metric=metric, **bound)
    edges = [*(bar.get_x() for bar in ax.patches)]
    edges.append(edges[-1] + ax.patches[-1].get_width())
    heights = np.array([bar.get_height() for bar in ax.patches])
    counted, _ = np.histogram(want.astype(np.float32), np.array(edges))
    assert heights.sum() == ROWS and np.abs(heights - counted).sum() <= 4
    within = (want >= limit).sum() if metric == "cosine" else (want <= limit).sum()
    sign = "≥" if metric == "cosine" else "≤"
    text = ax.get_legend().get_texts()[0].get_text()
    assert text == f"{sign} {limit:g}: {within} rows ({within / ROWS:.1%})"
    score = "cosine similarity" if metric == "cosine" else "l2 distance"
    assert ax.get_xlabel() == f"{score} to the nearest other row"
    assert ax.get_ylabel() == "rows"


def test_the_histogram_of_many_rows_is_of_a_sample_compared_with_all() -> None:
    many = RNG.standard_normal((12_000, 8), dtype=np.float32)
    many[6000:] = many[:6000]
    ax = rv.plot(pd.DataFrame({"emb": list(many)}), kind="similarity", sample=300)
    assert sum(bar.get_height() for bar in ax.patches) == 300
    assert "300 of 12,000 rows" in ax.get_title()
    low = min(bar.get_x() for bar in ax.patches if bar.get_height())
    assert low > 0.99  # every row has its twin, also where the sample has it not


def test_arguments_of_the_other_picture_are_refused() -> None:
    wrong: list[tuple[dict[str, Any], str]] = [
        ({"kind": "bars"}, "kind='bars' must be 'map' or 'similarity'"),
        ({"min_similarity": 0.5}, "a threshold is drawn into kind='similarity'"),
        ({"kind": "similarity", "hits": [1]}, "hits= is for kind='map'"),
        ({"kind": "similarity", "color": "name"}, "color= is for kind='map'"),
        ({"kind": "similarity", "label": "name"}, "label= is for kind='map'"),
        ({"kind": "similarity", "projection": "umap"}, "projection= is for kind='map'"),
        ({"sample": 0}, "sample=0 must be 1 or more"),
        ({"metric": "hamming"}, "compares bits"),
    ]
    for options, says in wrong:
        with pytest.raises(rv.InvalidArgument, match=says):
            rv.plot(FRAME, **options)
    with pytest.raises(rv.MetricError, match="max_distance"):
        rv.plot(FRAME, kind="similarity", max_distance=1)
    with pytest.raises(TypeError, match="use color="):
        rv.plot(FRAME, hue="topic")  # type: ignore[call-arg]


def test_what_has_nothing_to_draw_says_so() -> None:
    for rows in (0, 3):
        frame = pd.DataFrame({"emb": pd.Series([None] * rows, dtype=object)})
        for kind in ("map", "similarity"):
            with pytest.raises((rv.EmptyIndex, rv.ColumnError)):
                rv.plot(frame, on="emb", kind=kind)  # type: ignore[arg-type]
    one = FRAME.head(1)
    assert points(rv.plot(one)).tolist() == [[0, 0]]
    with pytest.raises(rv.EmptyIndex, match="no two vectors"):
        rv.plot(one, kind="similarity")
    line = pd.DataFrame({"emb": list(np.array([[1.0], [2.0], [4.0]]))})
    assert points(rv.plot(line, metric="l2"))[:, 1].tolist() == [0, 0, 0]


def test_columns_of_numbers_are_drawn_together() -> None:
    frame = pd.DataFrame(VECTORS, columns=[f"e{i}" for i in range(6)])
    ax = rv.plot(frame, on=["e*"])
    np.testing.assert_allclose(points(ax), components(unit(VECTORS)), atol=1e-4)
    accessor: Any = FRAME.ruvector
    np.testing.assert_array_equal(points(accessor.plot()), points(rv.plot(FRAME)))


def test_the_curve_of_a_recommendation_is_its_points() -> None:
    recommended = rv.recommend(1_000_000, 96, recall_target=0.9)
    ax = recommended.plot()
    lines = {line.get_label(): line for line in ax.lines}
    drawn = [(x, y) for line in ax.lines[:-1] for x, y in zip(*line.get_data(), strict=True)]
    assert sorted(drawn) == sorted((p.recall, p.p50_ms) for p in recommended.curve)
    assert ax.lines[-1].get_xdata()[0] == 0.9
    assert points(ax).tolist() == [[recommended.choice.recall, recommended.choice.p50_ms]]
    assert ax.get_yscale() == "log" and lines
    assert ax.get_ylabel() == "milliseconds a query (median)"
    names = [text.get_text() for text in ax.get_legend().get_texts()]
    assert names == ["exact", "flat", "ivf", "recommended", "recall target 0.9"]
    _, mine = plt.subplots()
    assert recommended.plot(ax=mine) is mine
