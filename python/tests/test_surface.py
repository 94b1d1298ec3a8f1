"""The surface as a whole: names, documentation, settings, and how little an import costs."""

from __future__ import annotations

import inspect
import os
import pathlib
import subprocess
import sys
import textwrap
import threading

import numpy as np
import pytest

import ruvector as rv

PACKAGE = pathlib.Path(rv.__file__).parent
VECTORS = np.random.default_rng(71).standard_normal((200, 8), dtype=np.float32)


def test_all_names_are_sorted_and_exist() -> None:
    assert rv.__all__ == sorted(rv.__all__)
    assert len(set(rv.__all__)) == len(rv.__all__)
    for name in rv.__all__:
        assert hasattr(rv, name), name


def _public() -> list[tuple[str, object]]:
    found: list[tuple[str, object]] = []
    for name in rv.__all__:
        value = getattr(rv, name)
        if inspect.isclass(value):
            found.append((name, value))
            ours = [c for c in value.__mro__ if c.__module__.startswith("ruvector")]
            members = {m: f for c in reversed(ours) for m, f in vars(c).items()}
            for member, function in members.items():
                if not member.startswith("_") and (
                    inspect.isfunction(function)
                    or isinstance(function, property | classmethod | staticmethod)
                ):
                    found.append((f"{name}.{member}", function))
        elif callable(value):
            found.append((name, value))
    return found


@pytest.mark.parametrize("name", [name for name, _ in _public()])
def test_every_public_name_is_documented(name: str) -> None:
    value = dict(_public())[name]
    assert (inspect.getdoc(value) or "").strip(), name


def test_doc_examples_run() -> None:
    import doctest

    for module in sorted(name for name in sys.modules if name.startswith("ruvector")):
        if sys.modules[module].__doc__ is None:
            continue
        result = doctest.testmod(sys.modules[module])
        assert result.failed == 0, module


def test_errors_are_one_tree() -> None:
    for name in rv.__all__:
        value = getattr(rv, name)
        if inspect.isclass(value) and issubclass(value, Exception):
            assert issubclass(value, rv.RuVectorError) or value is rv.RuVectorWarning
    assert issubclass(rv.DimensionMismatch, ValueError)
    assert issubclass(rv.ColumnError, LookupError)
    assert issubclass(rv.MissingExtra, ImportError)


def test_the_package_says_that_it_is_typed() -> None:
    assert (PACKAGE / "py.typed").is_file()


# ---- settings ----


def test_config_sets_and_a_with_block_puts_back() -> None:
    assert "score_column=None" in repr(rv.config())
    with rv.config(score_column="a", threads=1):
        with rv.config(score_column="b"):
            assert "score_column='b'" in repr(rv.config())
            assert "threads=1" in repr(rv.config())
        assert "score_column='a'" in repr(rv.config())
    assert "score_column=None" in repr(rv.config())
    assert "threads=0" in repr(rv.config())


def test_config_puts_back_after_an_error_too() -> None:
    with pytest.raises(ZeroDivisionError), rv.config(bad_vectors="skip"):
        raise ZeroDivisionError
    assert "bad_vectors='error'" in repr(rv.config())


def test_config_without_a_block_stays() -> None:
    before = rv.config(progress=False)
    try:
        assert "progress=False" in repr(rv.config())
    finally:
        before.__exit__(None, None, None)
    assert "progress=None" in repr(rv.config())


@pytest.mark.parametrize(
    "arguments",
    [
        {"threads": -1},
        {"threads": 1.5},
        {"threads": True},
        {"cache_bytes": -1},
        {"cache_bytes": "1 GB"},
        {"bad_vectors": "drop"},
        {"progress": "yes"},
        {"score_column": ""},
        {"score_column": 3},
    ],
    ids=str,
)
def test_config_refuses_values_without_meaning_and_changes_nothing(
    arguments: dict[str, object],
) -> None:
    before = repr(rv.config())
    with pytest.raises(rv.InvalidArgument, match=next(iter(arguments))):
        rv.config(**{"score_column": "kept out", **arguments})  # type: ignore[arg-type]
    assert repr(rv.config()) == before
    with pytest.raises(TypeError):
        rv.config(colour="red")  # type: ignore[call-arg]


def test_set_threads_limits_every_later_operation() -> None:
    index = rv.Index.build(np.tile(VECTORS, (60, 1)), kind="flat")
    queries = np.tile(VECTORS, (60, 1))
    with rv.config():
        rv.set_threads(1)
        one = index.search(queries, 3)
        assert one.plan.threads == 1
        rv.set_threads(2)
        two = index.search(queries, 3)
        assert two.plan.threads <= 2
        rv.set_threads(None)
    np.testing.assert_array_equal(one.ids, two.ids)
    with pytest.raises(rv.InvalidArgument, match="threads"):
        rv.set_threads(-2)


def test_cpu_features_name_the_kernels_in_use() -> None:
    features = rv.cpu_features()
    assert features["tier"] in features["available"]
    assert "pure" in features["available"]
    assert isinstance(features["features"], list)


def test_settings_may_change_from_any_thread() -> None:
    def work(n: int) -> None:
        for _ in range(50):
            rv.set_threads(n)

    threads = [threading.Thread(target=work, args=(n,)) for n in (1, 2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    rv.set_threads(None)
    assert "threads=0" in repr(rv.config())


# ---- cost ----


def test_importing_loads_no_library_and_no_slow_module() -> None:
    code = """
        import sys
        import numpy
        before = set(sys.modules)
        import ruvector
        new = {name.partition(".")[0] for name in set(sys.modules) - before}
        slow = {"asyncio", "concurrent", "subprocess", "dataclasses", "typing_extensions"}
        print(sorted(new & slow))
        from ruvector._native import library as _library
        assert not _library.is_loaded()
    """
    environment = {**os.environ, "RUVECTOR_SIMD": "pure"}
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code)],
        capture_output=True,
        text=True,
        check=True,
        env=environment,
    )
    assert done.stdout.strip() == "[]"


# ---- types ----

TYPED = """
from typing import assert_type

import numpy as np
import numpy.typing as npt
import polars as pl

import ruvector as rv

index = rv.Index.build(np.eye(3, dtype=np.float32), metric="l2")
assert_type(index, rv.Index)
result = index.search(np.zeros(3), k=2)
assert_type(result, rv.SearchResult)
assert_type(result.scores, npt.NDArray[np.float32])
assert_type(result.plan, rv.Plan)
assert_type(result.plan.kind, str)
frame = pl.DataFrame({"a": [1]})
assert_type(rv.search(frame, "x", text="a"), pl.DataFrame)
assert_type(rv.describe(frame), pl.DataFrame)
assert_type(rv.explain(frame, "x"), rv.Plan)
assert_type(rv.build_index(frame), rv.Index)
assert_type(rv.to_matrix([[1]]), npt.NDArray[np.float32])
assert_type(rv.last_plan(), rv.Plan | None)
assert_type(rv.FlatF32Index.build([[1]]).search([1], 1), list[rv.Hit])
any_index: rv.AnyIndex = rv.RabitqPlusIndex.build([[1]])
with rv.config(threads=1):
    pass
with index as same:
    assert_type(same, rv.Index)


async def awaits() -> None:
    made = await rv.Index.build_async(np.eye(3, dtype=np.float32), metric="l2")
    assert_type(made, rv.Index)
    assert_type(await made.search_async(np.zeros(3), k=2), rv.SearchResult)
"""


@pytest.mark.long
def test_types_are_what_the_pages_say(tmp_path: pathlib.Path) -> None:
    path = tmp_path / "typed.py"
    path.write_text(TYPED)
    done = subprocess.run(
        [sys.executable, "-m", "mypy", "--strict", str(path)],
        capture_output=True,
        text=True,
        check=False,
        cwd=pathlib.Path(__file__).parents[1],
    )
    ours = [line for line in done.stdout.splitlines() if "typed.py" in line]
    assert ours == [], done.stdout
    assert done.returncode in (0, 1), done.stderr


def test_every_name_is_listed_and_found_before_it_is_used() -> None:
    code = (
        "import ruvector as rv; listed = dir(rv);"
        "print([name for name in rv.__all__ if name not in listed or not hasattr(rv, name)])"
    )
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert done.stdout.strip() == "[]"
