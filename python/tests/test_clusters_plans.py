"""Plans, memory and threads of clusters: decided from numbers alone, no engine running."""

from __future__ import annotations

import pickle
import subprocess
import sys
from typing import Any

import pytest

import ruvector as rv
from ruvector._clusters import extras
from ruvector._clusters.plans import ClusterPlan, checked, choose, divide, memory_of, said_bytes


def counted(rows: int, asked: list[int]) -> Any:
    def count() -> int:
        asked.append(rows)
        return rows

    return count


@pytest.mark.parametrize(
    ("right", "metric", "recall", "size", "rows", "plan"),
    [
        ("index", "cosine", 0.95, 10**15, 10**12, "index"),
        ("frame", "cosine", 0.95, 10**6, 10**12, "index"),
        ("frame", "cosine", 0.95, 10**12, 100_000, "queries"),
        ("frame", "cosine", 0.95, 10**12, 100_001, "routed"),
        ("frame", "cosine", 1.0, 10**12, 100_001, "queries"),
        ("frame", "hamming", 0.95, 10**12, 100_001, "queries"),
        ("shards", "cosine", 0.95, 10**6, 10**12, "index"),
        ("shards", "cosine", 0.95, 10**12, 5, "queries"),
        ("shards", "cosine", 0.95, 10**12, 10**9, "index"),
    ],
)
def test_sizes_decide_the_plan(
    right: str, metric: str, recall: float, size: int, rows: int, plan: str
) -> None:
    found, why = choose(right, metric, recall, size, 10**9, counted(rows, []))
    assert found == plan
    assert why


def test_left_rows_are_counted_only_where_that_decides() -> None:
    asked: list[int] = []
    choose("frame", "cosine", 0.95, 10, 10**9, counted(5, asked))
    choose("index", "cosine", 0.95, 10**12, 10**9, counted(5, asked))
    assert asked == []
    _, why = choose("frame", "cosine", 0.95, 10**12, 10**9, counted(5, asked))
    assert asked == [5]
    assert "1e+03 GB" in why
    assert "5 left rows" in why


@pytest.mark.parametrize(
    ("plan", "right", "metric", "said"),
    [
        ("fast", "frame", "cosine", "plan='fast' must be one of 'auto', 'index'"),
        ("routed", "index", "cosine", "the right side is an index"),
        ("routed", "shards", "cosine", "a folder of shards"),
        ("queries", "index", "cosine", "build shards"),
        ("routed", "frame", "jaccard", "no cells for metric 'jaccard'"),
    ],
)
def test_a_plan_that_cannot_be_is_refused(plan: str, right: str, metric: str, said: str) -> None:
    with pytest.raises(rv.InvalidArgument, match="plan=") as caught:
        checked(plan, right, metric)
    assert said in str(caught.value)


def test_plans_that_can_be_are_taken() -> None:
    for plan in ("auto", "index", "queries", "routed"):
        assert checked(plan, "frame", "l2") == plan


@pytest.mark.parametrize(
    ("given", "count"),
    [
        (None, 512 << 20), (5, 5), ("2GB", 2 * 10**9), ("2gb", 2 * 10**9), ("1.5 GB", 15 * 10**8),
        ("2GiB", 2 << 30), ("64MiB", 64 << 20), ("100", 100), ("3kB", 3000), ("1TB", 10**12),
    ],
)  # fmt: skip
def test_memory_is_bytes_or_words(given: Any, count: int) -> None:
    assert memory_of(given) == count


@pytest.mark.parametrize("given", [0, -1, "", "GB", "two", "0", 1.5, [], "5 parsecs"])
def test_memory_that_is_no_number_of_bytes_is_refused(given: Any) -> None:
    with pytest.raises(rv.InvalidArgument, match="memory="):
        memory_of(given)


@pytest.mark.parametrize(
    ("cores", "workers", "threads", "wanted"),
    [
        (2, None, None, (2, 1)), (2, 1, None, (1, 2)), (16, 4, None, (4, 4)),
        (16, None, 4, (4, 4)), (16, 5, None, (5, 3)), (1, 8, None, (8, 1)), (16, 3, 7, (3, 7)),
        (2, None, 8, (1, 8)),
    ],
)  # fmt: skip
def test_workers_and_threads_divide_the_cores(
    cores: int, workers: Any, threads: Any, wanted: tuple[int, int]
) -> None:
    assert divide(cores, workers, threads) == wanted


def test_no_workers_and_no_threads_are_refused() -> None:
    with pytest.raises(rv.InvalidArgument, match="workers=0"):
        divide(4, 0, None)
    with pytest.raises(rv.InvalidArgument, match="threads=-1"):
        divide(4, None, -1)


def test_a_plan_says_what_and_why() -> None:
    plan = ClusterPlan("routed", "both sides are large", 8, 2, 10, 20, cells=64, probes=3, hot=1)
    assert repr(plan) == (
        "plan 'routed': both sides are large; 8 workers of 2 threads; 64 cells, 3 probed, 1 "
        "salted; 10 left rows; 20 right rows"
    )
    assert pickle.loads(pickle.dumps(plan)) == plan


def test_bytes_are_said_in_words() -> None:
    assert [said_bytes(n) for n in (5, 2560, 3 * 10**6, 10**10)] == [
        "5 bytes", "2.56 kB", "3 MB", "10 GB",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("extra", "module", "said"), [("ray", "ray", "Ray Data"), ("spark", "pyspark.sql", "Spark")]
)
def test_an_engine_that_is_absent_is_named_with_its_pip_line(
    monkeypatch: pytest.MonkeyPatch, extra: str, module: str, said: str
) -> None:
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(rv.MissingExtra) as caught:
        extras.engine(extra)
    assert caught.value.pip == f"pip install 'ruvector-arrow[{extra}]'"
    assert said in str(caught.value)
    assert caught.value.pip in str(caught.value)


@pytest.mark.parametrize("extra", ["ray", "spark"])
def test_every_verb_names_what_is_absent(monkeypatch: pytest.MonkeyPatch, extra: str) -> None:
    import importlib

    module = importlib.import_module(f"ruvector.{extra}")
    monkeypatch.setitem(sys.modules, {"ray": "ray", "spark": "pyspark.sql"}[extra], None)
    for verb in (
        lambda: module.score(None, "x"), lambda: module.sim_join(None, None),
        lambda: module.search(None, [1.0]), lambda: module.search_shards("x", [1.0]),
        lambda: module.build(None, "v", "x", ids="i"), lambda: module.explain(None, None),
    ):  # fmt: skip
        with pytest.raises(rv.MissingExtra, match="pip install"):
            verb()


@pytest.mark.parametrize("extra", ["ray", "spark"])
def test_without_pyarrow_the_import_names_it(extra: str) -> None:
    code = (
        "import sys, ruvector as rv\n"
        "sys.modules['pyarrow'] = None\n"
        f"try:\n    import ruvector.{extra}\n"
        f"except rv.MissingExtra as error:\n    assert 'arrow[{extra}]' in error.pip\n"
        "else:\n    raise SystemExit('imported')\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_importing_ruvector_loads_nothing_of_clusters() -> None:
    code = (
        "import sys, ruvector\n"
        "bad = [m for m in sys.modules if m.startswith(('ruvector._clusters', 'ruvector.ray', "
        "'ruvector.spark', 'ray', 'pyspark', 'pyarrow'))]\n"
        "assert not bad, bad\n"
        "import ruvector.ray, ruvector.spark\n"
        "bad = [m for m in sys.modules if m == 'ray' or m.startswith(('ray.', 'pyspark'))]\n"
        "assert not bad, bad\n"
        "from ruvector._native import library\n"
        "assert not library.is_loaded()\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
