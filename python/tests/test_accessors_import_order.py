"""``.ruvector`` appears whatever is imported first, and nothing else is imported."""

from __future__ import annotations

import itertools
import subprocess
import sys
import textwrap

import pytest

CHECK = """
import numpy as np
def works(frame, name):
    hits = frame.ruvector.search(np.array([1, 0], np.float32), k=1)
    assert list(hits["x"]) == [0], name
    assert frame["v"].ruvector.to_matrix().shape == (2, 2), name
    assert frame.ruvector.describe().shape[0] == 1, name
V = np.eye(2, dtype=np.float32)
if "pandas" in sys.modules:
    import pandas as pd
    works(pd.DataFrame({"x": [0, 1], "v": list(V)}), "pandas")
if "polars" in sys.modules:
    import polars as pl
    works(pl.DataFrame({"x": [0, 1], "v": V}), "polars")
"""


def _run(code: str, then: str = "") -> str:
    done = subprocess.run(
        [
            sys.executable,
            "-W",
            "error::UserWarning",
            "-c",
            "import sys\n" + textwrap.dedent(code) + then,
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


ORDERS = [
    order
    for n in (2, 3)
    for chosen in itertools.combinations(["pandas", "polars", "ruvector"], n)
    if "ruvector" in chosen
    for order in itertools.permutations(chosen)
]


@pytest.mark.sample(3)
@pytest.mark.parametrize("order", ORDERS, ids=lambda order: " ".join(order))
def test_accessors_appear_in_any_order_of_imports(order: tuple[str, ...]) -> None:
    _run("".join(f"import {name}\n" for name in order) + CHECK)


def test_a_probe_for_pandas_does_not_use_up_the_hook() -> None:
    _run(
        """
        import importlib.util
        import ruvector
        assert importlib.util.find_spec("pandas") is not None
        assert "pandas" not in sys.modules
        assert importlib.util.find_spec("polars") is not None
        import pandas, polars
        """,
        CHECK,
    )


def test_the_hook_leaves_modules_as_everybody_else_would() -> None:
    _run(
        """
        import ruvector
        import pandas, polars
        import importlib.resources
        for module in (pandas, polars):
            assert type(module.__spec__.loader).__name__ == "SourceFileLoader", module.__spec__
            assert module.__loader__ is module.__spec__.loader
            assert importlib.resources.files(module).joinpath("__init__.py").is_file()
        """
    )


def test_a_submodule_imported_first_registers_too() -> None:
    _run("import ruvector\nimport pandas.api.types\nimport polars.selectors\n" + CHECK)
    _run("import ruvector\nfrom pandas import DataFrame\nfrom polars import DataFrame\n" + CHECK)


def test_two_threads_importing_at_once_get_their_accessors() -> None:
    _run(
        """
        import threading
        import ruvector
        threads = [threading.Thread(target=__import__, args=(name,)) for name in
                   ("pandas", "polars", "pandas")]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        """,
        CHECK,
    )


def test_a_library_that_is_missing_stays_an_import_error() -> None:
    _run(
        """
        import ruvector
        sys.modules["pandas"] = None
        try:
            import pandas
        except ImportError:
            pass
        else:
            raise AssertionError
        """
    )


def test_a_failed_import_can_be_tried_again() -> None:
    _run(
        """
        import ruvector
        import importlib.abc, importlib.machinery

        class Fails(importlib.abc.MetaPathFinder, importlib.abc.Loader):
            tries = 0
            def find_spec(self, name, path=None, target=None):
                if name == "pandas" and Fails.tries == 0:
                    return importlib.machinery.ModuleSpec(name, self)
            def exec_module(self, module):
                Fails.tries += 1
                raise ImportError("not yet")

        sys.meta_path.insert(1, Fails())
        try:
            import pandas
        except ImportError:
            pass
        import pandas
        assert Fails.tries == 1
        """,
        CHECK,
    )


def test_importing_ruvector_imports_numpy_and_nothing_else_of_others() -> None:
    heavy = (
        "pandas polars pyarrow narwhals tokenizers safetensors wordllama matplotlib tqdm asyncio"
    )
    out = _run(
        f"""
        import ruvector
        print([name for name in {heavy.split()!r} if name in sys.modules])
        from ruvector._native import library as _library
        assert not _library.is_loaded()
        """
    )
    assert out.strip() == "[]"


def test_searching_arrays_imports_no_frame_library() -> None:
    out = _run(
        """
        import numpy as np, ruvector as rv
        index = rv.Index.build(np.eye(4, dtype=np.float32))
        index.search(np.ones(4), 2).hits()
        rv.to_matrix([[1, 2]])
        print([name for name in ("pandas", "polars", "pyarrow") if name in sys.modules])
        """
    )
    assert out.strip() == "[]"


def test_accessors_work_without_pyarrow() -> None:
    _run(
        """
        sys.modules["pyarrow"] = None
        import pandas, polars, ruvector
        """,
        CHECK,
    )


def test_registration_does_not_warn_twice() -> None:
    _run(
        "import warnings\nwarnings.simplefilter('error')\nimport pandas\nimport ruvector\n" + CHECK
    )
