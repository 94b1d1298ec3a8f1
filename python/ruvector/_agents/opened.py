"""References that agents send, opened: what is there is what was meant, or an error."""

from __future__ import annotations

import os
import tempfile
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from .._errors import InvalidArgument, UnknownCollection, WitnessMismatch
from .._index.index import Index
from .._lake.bundle import RuLakeBundle
from .._lake.consistency import Consistency
from .._lake.keys import Key, folder_of, name_of
from .._lake.lake import RuLake
from .._lake.result import LakeResult

if TYPE_CHECKING:
    from .artifacts import RuLakeWitness, VectorRef


@dataclass(frozen=True, slots=True)
class LakeCollection:
    """A collection of a lake in the state that a reference meant.

    Thread-safe as the lake is. Holds the lake; closing that ends it.

    Attributes
    ----------
    lake : RuLake
    backend, collection : str
    witness : str
        Of the index that answers: `RuLake.cache_witness_of`.
    dim, count : int
        Dimensions, and vectors.
    """

    lake: RuLake
    backend: str
    collection: str
    witness: str
    dim: int
    count: int

    def __len__(self) -> int:
        return self.count

    def search(self, query: Any, k: int = 10, **options: Any) -> LakeResult:
        """Find the `k` rows nearest to a query.

        Parameters
        ----------
        query : 1-D vector of `dim` dimensions
        k : int
        **options
            Those of `RuLake.search_one`, without `backend`, `frame` and `ids_on`.

        Raises
        ------
        WitnessMismatch
            The lake has another state of the collection now; open the reference again.
        DimensionMismatch, InvalidVector, UnknownId, InvalidArgument, BackendError
        """
        found: LakeResult = self.lake.search_one(
            self.collection, query, k, backend=self.backend, **_plain(options)
        )
        self._check()
        return found

    async def search_async(self, query: Any, k: int = 10, **options: Any) -> LakeResult:
        """`search` in an event loop, which does other things meanwhile."""
        found: LakeResult = await self.lake.search_one_async(
            self.collection, query, k, backend=self.backend, **_plain(options)
        )
        self._check()
        return found

    def _check(self) -> None:
        now = self.lake.cache_witness_of((self.backend, self.collection))
        if now != self.witness:
            raise WitnessMismatch(
                f"{self.backend}/{self.collection}: the reference was of the witness "
                f"{self.witness}, the lake has {now or 'nothing'} now; ask the agent again, or "
                "search the lake itself"
            )

    def __repr__(self) -> str:
        name = f"{self.backend}/{self.collection}"
        return f"LakeCollection({name!r}, {self.count:,} x {self.dim}, {self.witness[:16]}...)"


def _plain(options: dict[str, Any]) -> dict[str, Any]:
    for name in ("backend", "frame", "ids_on"):
        if name in options:
            raise InvalidArgument(f"{name}= is no option here; use lake.search_one for it")
    return options


def _lake_of(lake: Any) -> RuLake:
    if not isinstance(lake, RuLake):
        raise InvalidArgument(f"lake={lake!r:.80} must be a RuLake")
    return lake


def described(lake: Any, collection: Any, backend: Any) -> tuple[Key, str, int, int]:
    """Return the key of a collection, its witness, dimensions and rows.

    Raises
    ------
    UnknownCollection
        No store has it, or more than one and none was named.
    InvalidArgument
    """
    found, name = _lake_of(lake), name_of("collection", collection)
    if backend is None:
        stores = [key[0] for key in found.collections() if key[1] == name]
        if len(stores) != 1:
            listed = ", ".join(stores) or "no store"
            raise UnknownCollection(f"{listed} has {name!r:.80}; name one with backend=")
        backend = stores[0]
    key = name_of("backend", backend), name
    witness, dim, count = _held(found, key)
    return key, witness, dim, count


def _held(lake: RuLake, key: Key, witness: str | None = None) -> tuple[str, int, int]:
    """Return the witness of what a lake has of a collection, and what that is.

    A lake that never asks its stores is not made to, where it has the witness that is meant.
    """
    now = lake.cache_witness_of(key)
    if now is None or now != witness or lake.consistency != Consistency.FROZEN:
        lake.prime(key)
    target = lake._target(key)
    target.look()
    now = lake.cache_witness_of(key)
    if now is None or target.known is None:
        raise WitnessMismatch(f"{'/'.join(key)} was dropped from the cache meanwhile; open again")
    facts = target.known[1]
    return now, facts.dim, facts.rows


def _bundle(lake: RuLake, key: Key, format: int) -> RuLakeBundle:
    with tempfile.TemporaryDirectory(prefix="ruvector-") as folder:
        return lake.publish_bundle(key, folder, format=format)


def open_reference(reference: VectorRef, lake: Any) -> LakeCollection:
    """Return the collection of a `VectorRef`; see there."""
    found = _lake_of(lake)
    key = reference.backend, reference.collection
    now, dim, count = _held(found, key, reference.witness)
    if now != reference.witness and _bundle(found, key, 3).witness != reference.witness:
        raise WitnessMismatch(
            f"{'/'.join(key)}: the reference is of the witness {reference.witness}, the lake has "
            f"{now}; the data changed, or the lakes differ in rotation_seed or rerank_factor"
        )
    for what, meant, is_ in (("dim", reference.dim, dim), ("count", reference.count, count)):
        if meant != is_:
            raise WitnessMismatch(
                f"{'/'.join(key)}: the reference, of the witness {reference.witness}, says "
                f"{what}={meant:,}, the collection of {now} has {is_:,}"
            )
    return LakeCollection(found, *key, now, dim, count)


def open_published(published: RuLakeWitness, where: Any) -> LakeCollection | Index:
    """Return what a `RuLakeWitness` speaks of; see there."""
    if isinstance(where, RuLake):
        return _in_lake(published, where)
    if not isinstance(where, str | bytes | os.PathLike):
        kind = type(where).__name__
        raise InvalidArgument(f"where is {kind}, and must be a RuLake, or the path of a folder")
    return _in_folder(published, folder_of("where", where))


def _in_lake(published: RuLakeWitness, lake: RuLake) -> LakeCollection:
    others: list[str] = []
    for key in lake.collections():
        bundle = _bundle(lake, key, 2)
        if bundle.data_ref != published.data_ref:
            others.append(bundle.data_ref)
            continue
        if published.witness not in (bundle.witness, _bundle(lake, key, 3).witness):
            raise _other("the lake", published, bundle)
        now, dim, count = _held(lake, key, bundle.witness)
        if now != bundle.witness:
            raise _other("the lake", published, bundle, now)
        return LakeCollection(lake, *key, now, dim, count)
    raise UnknownCollection(
        f"no collection of the lake has the data_ref {published.data_ref!r:.200}; it has "
        f"{', '.join(f'{one!r:.80}' for one in others[:10]) or 'no collection'}"
    )


def _other(
    who: str, published: RuLakeWitness, bundle: RuLakeBundle, now: str | None = None
) -> WitnessMismatch:
    return WitnessMismatch(
        f"{published.data_ref!r:.200}: the agent speaks of the witness {published.witness}, {who} "
        f"has {now or bundle.witness} (generation {bundle.generation!r:.80}); the data changed, "
        "or the lakes differ in rotation_seed or rerank_factor"
    )


def _in_folder(published: RuLakeWitness, folder: str) -> Index:
    bundle = RuLakeBundle.read(folder)
    if published.witness not in (bundle.witness, bundle.cache_witness):
        raise _other(f"the folder {folder!r:.200}", published, bundle)
    if bundle.data_ref != published.data_ref:
        raise WitnessMismatch(
            f"the agent speaks of the data {published.data_ref!r:.200} of the witness "
            f"{published.witness}, the folder {folder!r:.200} has those of "
            f"{bundle.data_ref!r:.200}, of the witness {bundle.witness}"
        )
    metric: Any = "l2" if bundle.content is None else bundle.content.metric
    with RuLake(
        consistency=Consistency.FROZEN, metric=metric, rotation_seed=bundle.rotation_seed,
        rerank_factor=bundle.rerank_factor,
    ) as lake:  # fmt: skip
        key = "agent", "published"
        lake.warm_from_dir(key, folder)  # the index is whole, and that of the bundle
        held = lake.cache_witness_of(key)
    if held != bundle.cache_witness:
        raise _other(f"the folder {folder!r:.200}", published, bundle, held)
    return Index.load(_file(folder, bundle), mmap=True)


def _file(folder: str, bundle: RuLakeBundle) -> str:
    """Return the path of the index of a bundle: its name says witness and content."""
    digest = "" if bundle.content is None else bundle.content.digest[:16]
    begins = f"index-{bundle.cache_witness}-{digest}"
    names = [n for n in os.listdir(folder) if n.startswith(begins) and n.endswith(".rvx")]
    if len(names) != 1:
        raise WitnessMismatch(
            f"the folder {folder!r:.200} has {len(names)} indexes of the witness "
            f"{bundle.cache_witness}; save the collection again"
        )
    return os.path.join(folder, names[0])
