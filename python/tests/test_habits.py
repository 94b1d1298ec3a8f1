"""What people try from habit: the error names what is here instead."""

from __future__ import annotations

import inspect
import itertools
import operator
import pickle
import subprocess
import sys
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.compute as pc
import pytest

import ruvector as rv
from ruvector import _habits
from ruvector._frames import target
from ruvector._habits import EXPRESSION, FRAME, INDEX, MODULE, RESULT, SERIES, Absent, named_in

ROWS = np.random.default_rng(13).standard_normal((20, 4), dtype=np.float32)
NAMES = [f"row {i}" for i in range(20)]
YEARS = [1990 + i for i in range(20)]
IX: Any = rv.Index.build(ROWS)
API: Any = rv
EXPR: Any = pl.col("emb")
FRAMES: dict[str, Any] = {
    "pandas": pd.DataFrame({"name": NAMES, "year": YEARS, "emb": list(ROWS)}),
    "polars": pl.DataFrame({"name": NAMES, "year": YEARS, "emb": ROWS}),
    "pyarrow": pa.table({"name": NAMES, "year": YEARS, "emb": list(ROWS)}),
}
OBJECTS: dict[str, tuple[Absent, Any]] = {
    "index": (INDEX, IX),
    "pandas frame": (FRAME, FRAMES["pandas"].ruvector),
    "polars frame": (FRAME, FRAMES["polars"].ruvector),
    "pandas series": (SERIES, FRAMES["pandas"]["emb"].ruvector),
    "polars series": (SERIES, FRAMES["polars"]["emb"].ruvector),
    "expression": (EXPRESSION, EXPR.ruvector),
    "result": (RESULT, IX.search(ROWS[0])),
    "module": (MODULE, rv),
}


# ---- keyword arguments ----


@pytest.mark.parametrize(
    ("argument", "value", "says"),
    [
        ("top_k", 3, "use k=3"), ("topk", 3, "use k=3"), ("n_results", 3, "use k=3"),
        ("limit", 3, "use k=3"), ("n_neighbors", 3, "use k=3"), ("size", 3, "use k=3"),
        ("filter", {"a": 1}, "use where="), ("filters", "a > 1", "use where="),
        ("mask", [True], "use where="), ("n_jobs", 2, "use threads=2"),
        ("nprobe", 4, "use probes="), ("ef", 99, "use recall="),
        ("exact", True, "for an exact answer use recall=1.0"),
        ("lambda_mult", 0.7, r"use diversity= \(1 - lambda_mult\)"),
    ],
)  # fmt: skip
def test_an_index_names_the_argument_that_is_meant(argument: str, value: Any, says: str) -> None:
    with pytest.raises(TypeError, match=f"unexpected keyword argument '{argument}'.*{says}"):
        IX.search(ROWS[0], **{argument: value})


@pytest.mark.parametrize("library", ["pandas", "polars"])
@pytest.mark.parametrize(
    ("argument", "value", "says"),
    [
        ("top_k", 3, "use k=3"), ("n_results", 3, "use k=3"), ("limit", 5, "use k=5"),
        ("filter", "year > 2000", "use where="), ("column", "emb", "use on='emb'"),
        ("group_by", "year", "use by='year'"), ("model", str, "use embedder="),
        ("threshold", 0.5, "use min_similarity=0.5"), ("radius", 2, "use max_distance=2"),
        ("distance", "l2", "use metric="), ("text_column", "name", "use text='name'"),
        ("recal", 0.5, "did you mean recall="), ("zzz", 1, "it takes query=, k=, on=, text="),
    ],
)  # fmt: skip
def test_a_verb_names_the_argument_that_is_meant(
    library: str, argument: str, value: Any, says: str
) -> None:
    frame = FRAMES[library]
    for call in (frame.ruvector.search, lambda *a, **n: API.search(frame, *a, **n)):
        with pytest.raises(TypeError, match=f"unexpected keyword argument '{argument}'.*{says}"):
            call(ROWS[0], **{argument: value})


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (lambda: API.Index.build(ROWS, space="l2"), "use metric="),
        (lambda: API.Index.build(ROWS, random_state=1), "use seed=1"),
        (lambda: API.Index.build(ROWS, labels=NAMES), "use ids="),
        (lambda: API.Index.build(ROWS, M=16), "recall= says what the answer"),
        (lambda: API.Index.build(data=ROWS), "use vectors="),
        (lambda: IX.within(ROWS[0], threshold=0.5), "use min_similarity=0.5"),
        (lambda: IX.within(ROWS[0], radius=0.5), "use max_distance=0.5"),
        (lambda: IX.neighbors(n_neighbors=3), "use k=3"),
        (lambda: IX.save(filename="x"), "use path="),
        (lambda: API.config(n_threads=3), "use threads=3"),
        (lambda: API.config(verbose=False), "use progress="),
        (lambda: API.recommend(10, 4, recall=0.9), "use recall_target="),
        (lambda: API.search(FRAMES["pandas"], query_vector=ROWS[0]), "use query="),
        (lambda: API.explain(FRAMES["pandas"], ROWS[0], top_k=1), "use k=1"),
        (lambda: API.within(FRAMES["pandas"], ROWS[0], cutoff=0.5), "use min_similarity=0.5"),
        (lambda: API.build_index(FRAMES["pandas"], column="emb"), "use on='emb'"),
        (lambda: API.within(FRAMES["pandas"], ROWS[0], k=3), "use limit=3"),
        (lambda: IX.within(ROWS[0], top_k=3), "use limit=3"),
        (
            lambda: API.sim_join(FRAMES["pandas"], FRAMES["pandas"], filter="n > 1"),
            "use where_right=",
        ),
    ],
)
def test_other_functions_do_so_too(call: Any, says: str) -> None:
    with pytest.raises(TypeError, match=says):
        call()


def test_every_public_function_names_arguments() -> None:
    for name in rv.__all__:
        function = getattr(rv, name)
        if not inspect.isfunction(function) or not any(
            parameter.kind is inspect.Parameter.KEYWORD_ONLY
            for parameter in inspect.signature(function).parameters.values()
        ):
            continue
        needed = [
            None
            for parameter in inspect.signature(function).parameters.values()
            if parameter.default is parameter.empty
        ]
        with pytest.raises(TypeError, match="'zzz'; it takes "):
            function(*needed, zzz=1)


def test_an_argument_by_position_is_named() -> None:
    frame = FRAMES["pandas"]
    with pytest.raises(TypeError, match=r"name it: k=3$"):
        frame.ruvector.search(ROWS[0], 3)
    with pytest.raises(TypeError, match=r"name it: on='emb'$"):
        API.search(frame, ROWS[0], "emb")
    with pytest.raises(TypeError, match=r"name it, as one of k=, on="):
        API.search(frame, ROWS[0], None)
    with pytest.raises(TypeError, match="give a text or a vector to search for"):
        frame.ruvector.search()


def test_errors_of_the_function_itself_are_left_alone() -> None:
    def fails(texts: list[str]) -> Any:
        raise TypeError("got an unexpected keyword argument 'top_k'")

    @_habits.told
    def inner(*, k: int = 1) -> None:
        int(**{"top_k": 3})  # type: ignore[call-overload]

    with pytest.raises(TypeError) as caught:
        inner()
    assert "use" not in str(caught.value)
    with pytest.raises(TypeError, match=r"'top_k'$"):
        rv.search(FRAMES["pandas"], "q", text="name", embedder=fails)


def test_a_wrapped_function_is_told_of_as_itself() -> None:
    for function in (rv.search, rv.Index.search, rv.config, rv.recommend):
        parameters = inspect.signature(function).parameters.values()
        assert all(p.kind is not inspect.Parameter.VAR_KEYWORD for p in parameters)
        assert pickle.loads(pickle.dumps(function)) is function
        assert function.__annotations__
    hints = inspect.get_annotations(rv.Index.search, eval_str=False)
    assert "recall" in hints


# ---- names ----


@pytest.mark.parametrize("kind", OBJECTS)
def test_every_habit_is_answered_with_something_that_exists(kind: str) -> None:
    absent, thing = OBJECTS[kind]
    known = rv.__all__ if thing is rv else dir(type(thing))
    for way, habits in absent.here.items():
        for habit in habits.split():
            if habit in known:
                continue
            with pytest.raises(AttributeError) as caught:
                getattr(thing, habit)
            text = str(caught.value)
            assert f"has no {habit!r}" in text
            assert not way.startswith(".") or named_in(way) in known
            assert "; use " in text, habit
            used = text.split("; use ")[1]
            for name in re_names(used):
                assert operator.attrgetter(name)(rv)


def re_names(text: str) -> list[str]:
    """Return the names that advice takes from the module."""
    import re

    return re.findall(r"\brv\.((?:Index\.|Embedder\.)?[a-z_]+)", text)


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (lambda: IX.query, r"use ix\.search\(query, k=10\)"),
        (lambda: IX.knn_query, r"use ix\.search\(query, k=10\)"),
        (lambda: IX.kneighbors, r"use ix\.search\(query, k=10\)"),
        (lambda: IX.add_documents, r"use ix\.add\(ids, vectors\)"),
        (lambda: IX.add_items, r"use ix\.add\(ids, vectors\)"),
        (lambda: IX.fit, r"use rv\.Index\.build\(vectors\)"),
        (lambda: IX.range_search, r"use ix\.within\("),
        (lambda: IX.ntotal, r"use len\(ix\)"),
        (lambda: IX.d, r"use ix\.dim"),
        (lambda: IX.serch, "did you mean 'search'"),
        (lambda: API.Index.from_file, r"use rv\.Index\.load\(path\)"),
        (lambda: API.Index.from_vectors, r"use rv\.Index\.build\(vectors\)"),
        (lambda: API.Index.biuld, "did you mean 'build'"),
        (lambda: FRAMES["pandas"].ruvector.knn, r"use df\.ruvector\.search\(query, k=10\)"),
        (lambda: FRAMES["polars"].ruvector.query, r"use df\.ruvector\.search\(query, k=10\)"),
        (lambda: FRAMES["polars"].ruvector.nearest, r"use df\.ruvector\.search\(query, k=10\)"),
        (lambda: FRAMES["pandas"].ruvector.radius_search, r"use df\.ruvector\.within\("),
        (lambda: FRAMES["pandas"].ruvector.describ, "did you mean 'describe'"),
        (lambda: FRAMES["pandas"]["emb"].ruvector.search, r"df\.ruvector\.search\(query, on="),
        (lambda: FRAMES["polars"]["emb"].ruvector.to_numpy, r"series\.ruvector\.to_matrix\(\)"),
        (lambda: API.IndexFlatL2, r"use rv\.Index\.build\(vectors\)"),
        (lambda: API.VectorStore, r"use rv\.Index\.build\(vectors\)"),
        (lambda: API.knn, r"use rv\.search\(frame, query, k=10\)"),
        (lambda: API.read_index, r"use rv\.Index\.load\(path\)"),
        (lambda: API.serach, "did you mean 'search'"),
        (lambda: IX.search(ROWS[0]).distances, r"use result\.scores"),
        (lambda: IX.search(ROWS[0]).indices, r"use result\.ids"),
    ],
)
def test_a_name_of_elsewhere_is_answered_with_the_way_here(call: Any, says: str) -> None:
    with pytest.raises(AttributeError, match=says):
        call()


def test_python_adds_no_advice_of_its_own() -> None:
    script = "import ruvector as rv, numpy as np\nrv.Index.build(np.eye(3, dtype='f4')).serch"
    ended = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=False
    )
    assert ended.stderr.lower().count("did you mean") == 1


def test_what_others_look_for_in_silence_is_not_answered_at_length() -> None:
    for thing in (IX, FRAMES["pandas"].ruvector, IX.search(ROWS[0]), rv.Index, rv):
        for name in ("_ipython_display_", "__dataframe__", "_repr_mimebundle_", "_zzz"):
            assert not hasattr(thing, name)
            assert getattr(thing, name, 3) == 3


def test_an_index_is_made_by_build_or_load() -> None:
    for call in (
        lambda: API.Index(ROWS), lambda: API.Index(4), lambda: API.Index(space="l2", dim=4),
        lambda: API.Index(),
    ):  # fmt: skip
        with pytest.raises(TypeError, match=r"rv\.Index\.build\(vectors\) or rv\.Index\.load"):
            call()


def test_a_result_says_how_its_rows_are_reached() -> None:
    result: Any = IX.search(ROWS[0])
    with pytest.raises(TypeError, match=r"result\.ids\[0\]"):
        result[0]
    with pytest.raises(TypeError, match=r"result\.arrays"):
        iter(result)


# ---- metrics ----


@pytest.mark.parametrize(
    ("metric", "meant"),
    [
        ("ip", "dot"), ("IP", "dot"), ("inner_product", "dot"), ("inner-product", "dot"),
        ("dotproduct", "dot"), ("cos", "cosine"), ("Cosine", "cosine"), ("angular", "cosine"),
        ("euclid", "l2"), ("L2", "l2"), ("Euclidean", "l2"), ("l2sq", "sqeuclidean"),
        ("squared_euclidean", "sqeuclidean"), ("tanimoto", "jaccard"),
    ],
)  # fmt: skip
def test_a_metric_of_elsewhere_is_named(metric: Any, meant: str) -> None:
    for call in (
        lambda: rv.Index.build(ROWS, metric=metric),
        lambda: rv.search(FRAMES["pandas"], ROWS[0], metric=metric),
        lambda: rv.search(FRAMES["polars"], ROWS[0], metric=metric),
        lambda: rv.search(FRAMES["pyarrow"], ROWS[0], metric=metric),
        lambda: rv.recommend(100, 4, metric=metric),
    ):
        with pytest.raises(rv.MetricError, match=f"use metric='{meant}'"):
            call()


def test_a_metric_that_is_nowhere_is_not_guessed() -> None:
    for metric in ("manhattan", "", None, 3):
        with pytest.raises(rv.MetricError, match="is not a metric; choose"):
            rv.Index.build(ROWS, metric=metric)  # type: ignore[arg-type]


# ---- filters as dictionaries ----

DICTIONARIES: list[tuple[dict[str, Any], list[int]]] = [
    ({"name": "row 3"}, [3]),
    ({"year": {"$gt": 2004}}, [15, 16, 17, 18, 19]),
    ({"year": {"$gte": 1995, "$lt": 1998}}, [5, 6, 7]),
    ({"year": {"$in": [1990, 1992]}}, [0, 2]),
    ({"name": {"$ne": "row 0"}, "year": {"$lte": 1992}}, [1, 2]),
    ({"name": 'it\'s "row"', "year": 1990}, []),
]


@pytest.mark.parametrize("library", FRAMES)
@pytest.mark.parametrize("number", range(len(DICTIONARIES)))
def test_the_expression_shown_for_a_dictionary_does_what_it_meant(
    library: str, number: int
) -> None:
    where, rows = DICTIONARIES[number]
    frame = FRAMES[library]
    for verb in (rv.search, rv.within):
        limit: dict[str, Any] = {"k": 99} if verb is rv.search else {"min_similarity": -1}
        with pytest.raises(rv.InvalidArgument, match="where= is a dictionary; write it") as caught:
            verb(frame, ROWS[0], where=where, **limit)
        way = str(caught.value).split("write it as where=")[1]
        expression = eval(way, {"pl": pl, "pyarrow": pa, "pc": pc})
        answer: Any = verb(frame, ROWS[0], where=expression, **limit)
        names = answer["name"].to_pylist() if library == "pyarrow" else list(answer["name"])
        assert sorted(names) == sorted(NAMES[row] for row in rows)


@pytest.mark.parametrize("library", FRAMES)
@pytest.mark.parametrize("where", [{}, {"$or": [{"year": 1}]}, {"a": {"$regex": "x"}}, {1: 2}])
def test_a_dictionary_that_cannot_be_said_is_answered_with_an_example(
    library: str, where: Any
) -> None:
    with pytest.raises(rv.InvalidArgument, match=r"an expression, such as where=.*2000"):
        rv.search(FRAMES[library], ROWS[0], where=where)


def test_an_index_says_that_it_knows_no_columns() -> None:
    for call in (IX.search, lambda q, where: IX.within(q, min_similarity=0.1, where=where)):
        with pytest.raises(rv.InvalidArgument, match=r"knows no columns.*rv\.search\(frame"):
            call(ROWS[0], where={"year": 1990})


# ---- vectors as text ----

WRITTEN = ["[0.5, 1.5, 2, 1]", "0.5,1.5,2.5,1", "0.5 1.5 2.5 -1e3", str(list(ROWS[0]))]


@pytest.mark.parametrize("text", WRITTEN)
def test_a_query_that_is_a_vector_written_as_text_is_parsed_by_the_statement_shown(
    text: str,
) -> None:
    for ask in (
        IX.search,
        *(lambda q, f=f: rv.search(f, q) for f in FRAMES.values()),
        lambda q: rv.search(FRAMES["pandas"], q, on="emb", embedder=lambda t: ROWS[: len(t)]),
    ):
        with pytest.raises(rv.InvalidVector, match="query is a vector written as text") as caught:
            ask(text)
        scope: dict[str, Any] = {"np": np, "query": text}
        exec(str(caught.value).split("parse it: ")[1], scope)
        assert scope["query"].shape == (4,)
        assert scope["query"].dtype == np.float32


@pytest.mark.sample(3)
@pytest.mark.parametrize("library", FRAMES)
@pytest.mark.parametrize("text", WRITTEN)
def test_a_frame_whose_vectors_are_text_says_so_before_it_asks_for_a_column(
    library: str, text: str
) -> None:
    columns = {"name": ["a", "b"], "emb": [None, text]}
    make: dict[str, Any] = {"pandas": pd.DataFrame, "polars": pl.DataFrame, "pyarrow": pa.table}
    for on in (None, "emb"):
        with pytest.raises(rv.InvalidVector, match="'emb': row 1 holds a vector written") as caught:
            rv.search(make[library](columns), ROWS[0], on=on)
        assert caught.value.row == 1


def test_no_model_is_asked_for_where_the_texts_are_vectors(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(embedder: Any) -> Any:
        raise rv.MissingExtra("the default text model needs wordllama")

    monkeypatch.setattr(target, "resolve", missing)
    for library, make in (("pandas", pd.DataFrame), ("polars", pl.DataFrame), ("table", pa.table)):
        frame: Any = make({"emb": [None, WRITTEN[0]], "body": ["a", "b"]})
        with pytest.raises(rv.InvalidVector, match="'emb': row 1 holds a vector written"):
            rv.search(frame, ROWS[0], on="emb")
        with pytest.raises(rv.MissingExtra, match="wordllama"):
            rv.search(frame, "question", text="body")
        assert library


@pytest.mark.parametrize("text", ["12 34", "3.14", "1, 2 and 3.5", "2001.09.11", "1 2 3 4 5", ""])
def test_texts_with_numbers_in_them_stay_texts(text: str) -> None:
    seen: list[str] = []

    def embed(texts: list[str]) -> Any:
        seen.extend(texts)
        return np.ones((len(texts), 3), np.float32)

    frame = pd.DataFrame({"body": [text, "other"]})
    rv.search(frame, "3.5, 4.5, 5.5, 6.5", text="body", embedder=embed, k=1)
    assert "3.5, 4.5, 5.5, 6.5" in seen


# ---- a frame as a query, and files ----


@pytest.mark.parametrize(
    ("library", "other"), list(itertools.product(FRAMES, ("pandas", "polars", "pyarrow")))
)
def test_a_frame_as_a_query_names_the_part_to_search_with(library: str, other: str) -> None:
    frame, query = FRAMES[library], FRAMES[other]
    with pytest.raises(rv.InvalidVector, match=r"whole .*search with a part of it: query\['emb'\]"):
        IX.search(query)
    without = query.drop(columns=["emb"]) if other == "pandas" else query.drop(["emb"])
    with pytest.raises(rv.InvalidVector, match=r"search with a part of it: query\['name'\]"):
        rv.search(frame, without)


def test_a_missing_file_is_a_file_not_found_error(tmp_path: Any) -> None:
    missing = tmp_path / "none.ruv"
    loads = (
        rv.Index.load, rv.FlatF32Index.load, rv.RabitqIndex.load, rv.RabitqPlusIndex.load,
        rv.RabitqAsymIndex.load,
    )  # fmt: skip
    for load in loads:
        with pytest.raises(FileNotFoundError, match=r"none\.ruv") as caught:
            load(missing)
        assert isinstance(caught.value, rv.FileMissing)
        assert caught.value.errno == 2
    with pytest.raises(FileNotFoundError):
        IX.save(missing / "deeper.ruv")


def test_a_tilde_is_the_home_folder_in_every_path(
    tmp_path: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    IX.save("~/plain.ruv", vectors=True)
    assert (tmp_path / "plain.ruv").is_file()
    assert len(rv.Index.load("~/plain.ruv")) == 20
    for number, kind in enumerate(
        (rv.FlatF32Index, rv.RabitqIndex, rv.RabitqPlusIndex, rv.RabitqAsymIndex)
    ):
        made = kind.build(ROWS)
        made.save(f"~/{number}.ruv")
        assert (tmp_path / f"{number}.ruv").is_file()
        assert len(kind.load(f"~/{number}.ruv")) == 20
    with pytest.raises(FileNotFoundError, match=str(tmp_path)):
        rv.Index.load("~/none.ruv")
