"""Settings of the process: threads, progress, cache size, embedder, bad vectors, score name."""

from __future__ import annotations

from collections.abc import Callable
from types import TracebackType
from typing import Any, Final

from ._errors import InvalidArgument
from ._habits import told
from ._locks import Lock

_UNSET: Final[Any] = object()
_OUR_COLUMNS: Final = frozenset(
    {
        "bm25_score", "dropped_row", "fused_score", "id", "kept_row", "neighbor_row", "query",
        "query_id", "query_row", "rank", "rerank_score",
    }
)  # fmt: skip
_lock = Lock()
_checks: dict[str, Callable[[Any], object]] = {}


class Settings:
    """The current settings. Plain attributes, read without a lock; written by `config`."""

    __slots__ = (
        "bad_vectors",
        "cache_bytes",
        "embedder",
        "progress",
        "score_column",
        "threads",
    )

    def __init__(self) -> None:
        self.threads: int = 0
        self.progress: bool | None = None
        self.cache_bytes: int | None = None
        self.embedder: Any = None
        self.bad_vectors: str = "error"
        self.score_column: str | None = None


current: Final = Settings()


class Restore:
    """What `config` returns: as a context manager it puts the earlier settings back."""

    __slots__ = ("_before",)

    def __init__(self, before: dict[str, Any]) -> None:
        self._before = before

    def __enter__(self) -> Restore:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        _apply(self._before)

    def __repr__(self) -> str:
        pairs = ", ".join(f"{name}={getattr(current, name)!r}" for name in Settings.__slots__)
        return f"ruvector.config({pairs})"


@told
def config(
    *,
    threads: int | None = _UNSET,
    progress: bool | None = _UNSET,
    cache_bytes: int | None = _UNSET,
    embedder: Any = _UNSET,
    bad_vectors: str = _UNSET,
    score_column: str | None = _UNSET,
) -> Restore:
    """Set what every later call uses; as a context manager, only inside the block.

    Parameters
    ----------
    threads : int or None
        Threads of one operation; None or 0 means the default: see `set_threads`.
    progress : bool or None
        Progress lines: None shows one after a second, False never does.
    cache_bytes : int or None
        Most bytes that `cache` may hold; None means a quarter of the memory, 4 GiB at most.
    embedder : Embedder, callable, object with ``encode``, or None
        Turns text into vectors where no ``embedder=`` is given; None means ``"default"``.
    bad_vectors : {"error", "skip"}
        What a vector with NaN or infinity does: refuse the column, or count as null.
    score_column : str or None
        Name of the score column in frames; None names it by the metric.

    Returns
    -------
    Restore
        Leave it alone to keep the settings, or use ``with rv.config(...):``.

    Raises
    ------
    InvalidArgument
        A value is of the wrong kind; nothing was changed.

    Notes
    -----
    Settings belong to the process, not to a thread. Changing them is safe from any thread.

    Examples
    --------
    >>> import ruvector as rv
    >>> with rv.config(threads=1, score_column="how_close"):
    ...     pass
    """
    given = {
        name: value
        for name, value in (
            ("threads", threads),
            ("progress", progress),
            ("cache_bytes", cache_bytes),
            ("embedder", embedder),
            ("bad_vectors", bad_vectors),
            ("score_column", score_column),
        )
        if value is not _UNSET
    }
    if given.get("threads", 0) is None:
        given["threads"] = 0
    _check(given)
    return Restore(_apply(given))


def _check(given: dict[str, Any]) -> None:
    for name in ("threads", "cache_bytes"):
        value = given.get(name)
        if value is None:
            continue
        if isinstance(value, bool) or not hasattr(value, "__index__") or value < 0:
            raise InvalidArgument(f"{name}={value!r} must be a whole number, 0 or more")
        given[name] = int(value)
    if given.get("bad_vectors", "error") not in ("error", "skip"):
        raise InvalidArgument(f"bad_vectors={given['bad_vectors']!r} must be 'error' or 'skip'")
    if given.get("progress") not in (None, True, False):
        raise InvalidArgument(f"progress={given['progress']!r} must be True, False or None")
    column = given.get("score_column")
    if column is not None and (not isinstance(column, str) or not column):
        raise InvalidArgument(f"score_column={column!r} must be a column name or None")
    if column in _OUR_COLUMNS:
        raise InvalidArgument(
            f"score_column={column!r} is what answers call another column of theirs; choose a name "
            f"that is none of {', '.join(sorted(_OUR_COLUMNS))}"
        )
    for name, check in _checks.items():
        if name in given:
            check(given[name])


def checked_by(name: str, check: Callable[[Any], object]) -> None:
    """Have values of a setting checked by whoever uses it, who knows more of them than this file.

    ``check`` raises InvalidArgument.
    """
    _checks[name] = check


def _apply(values: dict[str, Any]) -> dict[str, Any]:
    with _lock:
        before = {name: getattr(current, name) for name in values}
        for name, value in values.items():
            setattr(current, name, value)
    return before


def set_threads(n: int | None) -> None:
    """Let every later operation use `n` threads; None or 0 goes back to the default.

    Raises
    ------
    InvalidArgument
        `n` is negative or not a whole number.

    Notes
    -----
    The default is what the environment variable ``RUVECTOR_NUM_THREADS`` said when the library was
    first used, else all cores that the process may use. ``threads=`` of a call goes before both;
    searches of a few milliseconds run on the calling thread in any case.
    """
    config(threads=n)
