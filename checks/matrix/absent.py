"""A pytest plugin: test files that import pyarrow, duckdb, ... run where these are not installed.

They get a stand-in. While tests are collected it is whatever is asked of it; a test that touches
it while it runs is skipped. Nobody else sees it: ruvector, pandas and polars find no pyarrow.
"""

from __future__ import annotations

import builtins
import importlib.util
import traceback
from collections.abc import Iterator
from typing import Any

import pandas  # before the stand-in, so that these look for the real one
import polars
import pytest

assert pandas.__version__ and polars.__version__

_import = builtins.__import__
_running = [False]
_ABSENT = tuple(
    name
    for name in ("pyarrow", "duckdb", "nanoarrow", "narwhals", "sklearn")
    if importlib.util.find_spec(name) is None
)


class StandIn:
    """Stands for everything of a package that is not here."""

    __name__ = __qualname__ = "absent"

    def __init__(self, name: str) -> None:
        object.__setattr__(self, "name", name)

    def _used(self, name: str) -> Any:
        if _running[0]:
            pytest.skip(f"needs {self.name}")
        return StandIn(f"{self.name}.{name}")

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__") and name not in ("__arrow_c_stream__", "__array__"):
            raise AttributeError(name)
        return self._used(name)

    def __call__(self, *_: Any, **__: Any) -> Any:
        """Skip the test that runs, else stand for the answer."""
        return self._used("()")

    def __getitem__(self, key: Any) -> Any:
        return self._used("[]")

    def __iter__(self) -> Iterator[Any]:
        self._used("iter")
        return iter(())

    def __len__(self) -> int:
        self._used("len")
        return 0

    def __mro_entries__(self, bases: tuple[Any, ...]) -> tuple[type, ...]:
        return (object,)

    def __or__(self, other: Any) -> Any:
        return self._used("|")

    __ror__ = __or__
    __eq__ = __or__  # type: ignore[assignment]
    __gt__ = __lt__ = __and__ = __add__ = __or__
    __hash__ = object.__hash__

    def __repr__(self) -> str:
        return self.name


def _import_for_tests(
    name: str, globals: Any = None, locals: Any = None, fromlist: Any = (), level: int = 0
) -> Any:
    asks = str((globals or {}).get("__file__", ""))
    package = name.partition(".")[0]
    if package in _ABSENT and "/python/tests/" in asks:
        return StandIn(name if fromlist else package)
    return _import(name, globals, locals, fromlist, level)


builtins.__import__ = _import_for_tests
if "pyarrow" in _ABSENT:
    pandas.ArrowDtype = StandIn("pandas.ArrowDtype")  # which needs it; nobody of ours calls it


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Iterator[None]:
    """Let tests that run be skipped by what they touch."""
    _running[0] = True
    yield
    _running[0] = False


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> Iterator[None]:
    """Skip what pandas, or an extra that says so, has no package for; not what ruvector imports."""
    outcome: Any = yield
    report = outcome.get_result()
    if call.excinfo is None or report.passed:
        return
    error = call.excinfo.value
    ours = any("/python/ruvector/" in str(entry.path) for entry in call.excinfo.traceback)
    absent = isinstance(error, ImportError) and (hasattr(error, "pip") or not ours)
    absent = absent or "name 'pa' is not defined" in str(error)  # so pandas 2 says it
    absent = absent or "Extension(ExtensionType" in str(error)  # which polars 1 does not read
    absent = absent or "Expected np.float16 instance" in str(error)  # pyarrow 18, of a float
    if report.failed and absent:
        report.outcome = "skipped"
        report.longrepr = (str(item.path), item.location[1], f"Skipped: {error}")
    seen: BaseException | None = error if report.skipped else None
    while seen is not None:
        traceback.clear_frames(seen.__traceback__)  # which hold what the test had made
        seen = seen.__cause__ or seen.__context__


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Skip what polars 1 cannot hold before anything is made of it."""
    if "polars tensors" in item.name and polars.__version__.startswith("1."):
        pytest.skip("polars 1 has no extension types")


def pytest_make_parametrize_id(val: object) -> str | None:
    """Call parameters that are stand-ins by their name."""
    return val.name if isinstance(val, StandIn) else None
