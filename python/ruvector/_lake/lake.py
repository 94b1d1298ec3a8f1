"""`RuLake`: stores that are searched as one. Its verbs are in the files beside this one."""

from __future__ import annotations

from collections.abc import Iterable
from types import TracebackType
from typing import TYPE_CHECKING, Any, NoReturn, Self

from .._arguments import limit, positive, seed_of, share
from .._errors import InvalidArgument, MetricError
from .._habits import LAKE, told
from .._locks import Lock
from .._metric import BINARY, SCORE_NAMES, MetricName, canonical
from .._native.handle import Handle
from .._native.lake import calls
from .._native.lake.search import Asked, Target
from .._show import html
from . import keeping, searching, telling
from .builder import RuLakeBuilder
from .consistency import Consistency, asked, checked
from .keys import Key, name_of
from .stats import facts_of

if TYPE_CHECKING:
    from .session import LakeSession

KINDS = ("auto", "exact", "flat", "ivf")


class RuLake:
    """Stores of vectors that are searched as one, from indexes that it builds, keeps and checks.

    Parameters
    ----------
    backends : iterable of stores
        See `register_backend`, which adds more.
    consistency : Consistency
        How new answers must be, where neither the call nor `set_consistency` says.
    rerank_factor : int
        A search for k rows measures the rerank_factor * k best by their codes. With ``recall=1``
        as many as are needed for an exact answer.
    rotation_seed : int
        Seed of the codes; part of the witness of every index.
    cache_bytes : int, optional
        The most bytes of all indexes together, vectors included; no limit when not given. Those
        used least recently go first; pinned ones stay.
    metric : {"l2", "cosine", "dot", "sqeuclidean"}
    kind : {"auto", "exact", "flat", "ivf"}
        Of the indexes that are built; see `Index.build`.
    recall : float
        Share of the true neighbours that searches aim for; 1.0 is exact.
    max_cache_entries : int, optional
        The most indexes; no limit when not given.
    stale_if_error : bool
        Answer from what is in the cache when the store cannot be asked.
    stale_while_revalidate : bool
        Answer from what is in the cache while its successor is being built.
    threads : int, optional
        Threads of a build or a long search; all cores when not given.

    Notes
    -----
    Thread-safe: any number of threads may search while others change stores, publish or register.
    The interpreter lock is free meanwhile. Searches never wait for each other; those that find
    nothing in the cache wait for one build together. Verbs that may take long can be interrupted,
    and have twins that end in ``_async`` for event loops. A forked child gets ForkedProcessError.
    Cannot be pickled: see `save_cache_to_dir` and `warm_from_dir`.

    Examples
    --------
    >>> import numpy as np, ruvector as rv
    >>> store = rv.LocalBackend("mine")
    >>> store.put("docs", [7, 42], np.eye(2, dtype="float32"))
    >>> lake = rv.RuLake([store])
    >>> lake.search_one("docs", np.array([1, 0], "float32"), k=1).hits()
    [LakeHit(backend='mine', collection='docs', id=7, score=0.0)]
    """

    __slots__ = (
        "__weakref__", "_consistency", "_handle", "_lock", "_options", "_plainly", "_score_name",
        "_stores", "_targets",
    )  # fmt: skip

    _consistency: Consistency
    _handle: Handle
    _options: dict[str, Any]
    _plainly: Asked
    _score_name: str
    _stores: dict[str, Any]
    # Collections by the names they were asked for with; the backend may be None. Replaced as a
    # whole, so that readers need no lock.
    _targets: dict[tuple[str | None, str], Target]

    @told
    def __init__(
        self,
        backends: Iterable[Any] = (),
        *,
        consistency: Consistency = Consistency.FRESH,
        rerank_factor: int = 20,
        rotation_seed: int = 42,
        cache_bytes: int | None = None,
        metric: MetricName = "l2",
        kind: str = "auto",
        recall: float = 0.95,
        max_cache_entries: int | None = None,
        stale_if_error: bool = False,
        stale_while_revalidate: bool = False,
        threads: int | None = None,
    ) -> None:
        name = canonical(metric)
        if name in BINARY:
            raise MetricError(
                f"metric={metric!r}: a lake holds vectors of numbers; rows of bits are searched "
                "with rv.Index"
            )
        if kind not in KINDS:
            raise InvalidArgument(f"kind={kind!r} must be one of {', '.join(KINDS)}")
        mode, ttl = asked(consistency)
        options: dict[str, Any] = {
            "consistency": checked(consistency).mode,
            "ttl_ns": ttl if mode >= 0 else 0,
            "rerank_factor": positive("rerank_factor", rerank_factor),
            "rotation_seed": seed_of(rotation_seed),
            "metric": name,
            "kind": kind,
            "recall": share(recall),
            "stale_if_error": bool(stale_if_error),
            "stale_while_revalidate": bool(stale_while_revalidate),
            "threads": 0 if threads is None else limit(threads),
        }
        if cache_bytes is not None:
            options["cache_bytes"] = positive("cache_bytes", cache_bytes)
        if max_cache_entries is not None:
            options["cache_entries"] = positive("max_cache_entries", max_cache_entries)
        self._consistency = consistency
        self._options = options
        self._plainly = Asked(factor=options["rerank_factor"])
        self._score_name = SCORE_NAMES[name]
        self._stores = {}
        self._targets = {}
        self._lock = Lock()
        if isinstance(backends, str) or not isinstance(backends, Iterable):
            backends = (backends,)
        given = tuple(backends)
        self._handle = calls.new_lake(options)
        for store in given:
            self.register_backend(store)

    if not TYPE_CHECKING:  # which report names that are absent

        def __getattr__(self, name: str) -> Any:
            raise LAKE.error(self, name)

    @staticmethod
    def builder() -> RuLakeBuilder:
        """Return a builder: ``RuLake.builder().rerank_factor(20).build()``."""
        return RuLakeBuilder(RuLake)

    @property
    def consistency(self) -> Consistency:
        """How new answers must be, where neither the call nor `set_consistency` says."""
        return self._consistency

    @property
    def metric(self) -> str:
        """The metric of all scores."""
        return str(self._options["metric"])

    def register_backend(self, backend: Any) -> None:
        """Have a store searched.

        Parameters
        ----------
        backend : LocalBackend, FsBackend, ParquetBackend or BackendAdapter
            It may be registered with several lakes.

        Raises
        ------
        InvalidArgument
            It is no store, or another of its name is registered.
        """
        handle_for = getattr(type(backend), "_handle_for", None)
        if handle_for is None:
            raise InvalidArgument(
                f"{backend!r:.80} is no store; use LocalBackend, FsBackend, ParquetBackend, or a "
                "class of your own that inherits BackendAdapter"
            )
        calls.register(self._handle, handle_for(backend, self))
        with self._lock:
            self._stores[name_of("id", backend.id)] = backend
            self._targets = {}  # who was the only one with a collection need not be it any more

    async def register_backend_async(self, backend: Any) -> None:
        """`register_backend` in an event loop; nothing is waited for."""
        self.register_backend(backend)

    search_one = searching.search_one
    search_one_async = searching.search_one_async
    search_batch = searching.search_batch
    search_batch_async = searching.search_batch_async
    search_federated = searching.search_federated
    search_federated_async = searching.search_federated_async
    prime = keeping.prime
    prime_async = keeping.prime_async
    publish_bundle = keeping.publish_bundle
    publish_bundle_async = keeping.publish_bundle_async
    refresh_from_bundle_dir = keeping.refresh_from_bundle_dir
    refresh_from_bundle_dir_async = keeping.refresh_from_bundle_dir_async
    save_cache_to_dir = keeping.save_cache_to_dir
    save_cache_to_dir_async = keeping.save_cache_to_dir_async
    warm_from_dir = keeping.warm_from_dir
    warm_from_dir_async = keeping.warm_from_dir_async
    invalidate_cache = keeping.invalidate_cache
    invalidate_cache_async = keeping.invalidate_cache_async
    pin = keeping.pin
    pin_async = keeping.pin_async
    unpin = keeping.unpin
    unpin_async = keeping.unpin_async
    set_consistency = keeping.set_consistency
    set_consistency_async = keeping.set_consistency_async
    collections = telling.collections
    collections_async = telling.collections_async
    backend_ids = telling.backend_ids
    backend_ids_async = telling.backend_ids_async
    cache_stats = telling.cache_stats
    cache_stats_async = telling.cache_stats_async
    cache_stats_by_backend = telling.cache_stats_by_backend
    cache_stats_by_backend_async = telling.cache_stats_by_backend_async
    cache_stats_by_collection = telling.cache_stats_by_collection
    cache_stats_by_collection_async = telling.cache_stats_by_collection_async
    cache_witness_of = telling.cache_witness_of
    cache_witness_of_async = telling.cache_witness_of_async
    __contains__ = telling.contains

    def session(self) -> LakeSession:
        """Return a session, for ``with lake.session() as s:``.

        In it the freshness of a collection is checked once, by its first search. What is
        published and invalidated through it happens at its end, and not at all if the block raises.
        """
        from .session import LakeSession  # which knows this class

        return LakeSession(self)

    def _target(self, key: Key, asked_for: tuple[str | None, str] | None = None) -> Target:
        """Return a collection; the next search that asks for it so finds it at once."""
        target = self._targets.get(key)
        if target is None:
            target = Target(self._handle, key, calls.target(self._handle, *key))
            with self._lock:
                target = self._targets.setdefault(key, target)
        if asked_for is not None and asked_for != key:
            with self._lock:
                self._targets.setdefault(asked_for, target)
        return target

    def close(self) -> None:
        """Let go of all indexes, once running searches have ended. The stores stay open.

        Later calls raise InvalidArgument. More than once is fine.
        """
        with self._lock:
            targets, self._targets = self._targets, {}
        for target in targets.values():
            target.handle.close()
        self._handle.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def __reduce__(self) -> NoReturn:
        raise TypeError(
            "a RuLake holds stores and indexes of this process and cannot be pickled; make one in "
            "each process, and use save_cache_to_dir and warm_from_dir for what it has built"
        )

    def __repr__(self) -> str:
        names = ", ".join(map(repr, self._stores))
        closed = "" if self._handle.value else ", closed"
        return f"RuLake([{names}], {self._options['metric']}, {self._consistency!r}{closed})"

    def _repr_html_(self) -> str:
        if not self._handle.value:
            return html.facts("RuLake", [("closed", "yes")])
        stats = self.cache_stats()
        rows: list[tuple[str, object]] = [
            ("stores", ", ".join(self._stores)),
            ("metric", self._options["metric"]),
            ("consistency", repr(self._consistency)),
            *facts_of(stats),
        ]
        by_key = self.cache_stats_by_collection()
        listed = [
            (*key, s.hits, s.misses, s.primes, html.size(s.resident_bytes))
            for key, s in sorted(by_key.items())[:50]
        ]
        head = ("backend", "collection", "hits", "misses", "primes", "resident")
        return html.facts("RuLake", rows) + (
            html.grid("Collections", head, listed) if listed else ""
        )
