"""`RuLake.session`: searches that see one state, and changes that happen at the end."""

from __future__ import annotations

from collections.abc import Iterable
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from .._errors import InvalidArgument
from .._native.handle import Handle
from .._native.lake import calls
from .asking import terms_of
from .consistency import Consistency
from .keys import Key, folder_of, key_of
from .question import Federation, Question
from .result import LakeResult

if TYPE_CHECKING:
    from .bundle import RuLakeBundle
    from .lake import RuLake


class LakeSession:
    """Searches that check the freshness of each collection once, and changes that wait.

    Made by `RuLake.session`, for a ``with`` block. `publish_bundle` and `invalidate_cache` are
    done at its end, in the order of their calls; if the block raises, they are dropped. What fails
    there does not keep the rest from being done; the first error is raised. For one thread or task
    at a time.

    Attributes
    ----------
    published : list of RuLakeBundle
        What was published, once the block has ended.
    """

    __slots__ = ("_handle", "_lake", "_later", "published")

    published: list[RuLakeBundle]

    def __init__(self, lake: RuLake) -> None:
        self._lake = lake
        self._handle: Handle | None = None
        self._later: list[tuple[str, Key, str, int]] = []
        self.published = []

    def __enter__(self) -> Self:
        if self._handle is not None:
            raise InvalidArgument("this session is in use; make another with lake.session()")
        self._handle = calls.session(self._lake._handle)
        self._later, self.published = [], []
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        handle, self._handle = self._handle, None
        later, self._later = self._later, []
        if handle is not None:
            handle.close()
        if kind is not None:
            return
        failed: Exception | None = None
        for verb, key, directory, format in later:
            try:
                if verb == "publish":
                    self.published.append(self._lake.publish_bundle(key, directory, format=format))
                else:
                    self._lake.invalidate_cache(key)
            except Exception as one:
                failed = failed or one
        if failed is not None:
            raise failed

    def _number(self) -> int:
        handle = self._handle
        if handle is None:
            raise InvalidArgument("the session has ended; use it inside: with lake.session() as s:")
        return handle.value

    def search_one(
        self,
        collection: str,
        query: Any,
        k: int = 10,
        *,
        backend: str | None = None,
        consistency: Consistency | None = None,
        ids: Any = None,
        where: Any = None,
        rerank_factor: int | None = None,
        recall: float | None = None,
        frame: Any = None,
        ids_on: Any = None,
    ) -> Any:
        """`RuLake.search_one` in the session."""
        terms = terms_of(self._lake, consistency, rerank_factor, recall, self._number())
        asked = Question.of_one(self._lake, collection, backend, query, k, terms, frame, ids_on)
        return asked.limited(where, ids).answer()

    def search_batch(
        self,
        collection: str,
        queries: Any,
        k: int = 10,
        *,
        backend: str | None = None,
        consistency: Consistency | None = None,
        ids: Any = None,
        where: Any = None,
        rerank_factor: int | None = None,
        recall: float | None = None,
    ) -> LakeResult:
        """`RuLake.search_batch` in the session."""
        terms = terms_of(self._lake, consistency, rerank_factor, recall, self._number())
        asked = Question.of_batch(self._lake, collection, backend, queries, k, terms)
        result: LakeResult = asked.limited(where, ids).answer()
        return result

    def search_federated(
        self,
        query: Any,
        k: int = 10,
        *,
        targets: Iterable[Key] | None = None,
        deadline: float | None = None,
        partial: bool = False,
        dedupe: bool = False,
        ids: Any = None,
        consistency: Consistency | None = None,
        rerank_factor: int | None = None,
        recall: float | None = None,
    ) -> LakeResult:
        """`RuLake.search_federated` in the session."""
        terms = terms_of(self._lake, consistency, rerank_factor, recall, self._number())
        asked = Federation(self._lake, query, k, terms, targets, deadline, partial, dedupe, ids)
        return asked.answer()

    def publish_bundle(self, key: Key, directory: Any, *, format: int = 2) -> None:
        """Publish a collection at the end of the session; see `RuLake.publish_bundle`.

        Raises
        ------
        InvalidArgument
        """
        self._number()
        self._later.append(("publish", key_of(key), folder_of("directory", directory), format))

    def invalidate_cache(self, key: Key) -> None:
        """Drop a collection from the cache at the end of the session.

        Raises
        ------
        InvalidArgument
        """
        self._number()
        self._later.append(("invalidate", key_of(key), "", 0))
