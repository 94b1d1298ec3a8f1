"""What agents make: `Artifact`, and what it is: prose, JSON, or a reference to vectors.

A reference names a collection and its witness: some hundred bytes stand for any number of vectors,
and whoever opens it checks that they are the ones that were meant. What is written and read is that
of the extension ``/artifacts/v1``, and of the dialect of rvagent.
"""

from __future__ import annotations

import math
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar, Final, Self, TypeAlias

from .._errors import InvalidArgument
from .checked import json_of, names_of, text_of, whole_of
from .errors import ArtifactVersionUnsupported, InvalidAgentResponse
from .extension import ARTIFACTS
from .message import Part, joined, parts_of, shown_parts
from .reading import mapping, objects, shown, text, texts, word

if TYPE_CHECKING:
    from .._index.index import Index
    from .._lake.lake import RuLake
    from .opened import LakeCollection

MEDIA_TYPE: Final = "application/vnd.ruvector.artifact+json"
VERSION: Final = "1"
_MOST_DIM: Final = 65_536
_MOST_COUNT: Final = 2**53 - 1  # what every reader of JSON keeps exact
_OLD_WITNESS: Final = "ru_lake_witness"  # as rvagent writes it inside data


class _Typed:
    """A value that is one part with data."""

    __slots__ = ()

    kind: ClassVar[str]

    def body(self) -> dict[str, Any]:
        """Return the data of the part, without its kind."""
        raise NotImplementedError

    def to_parts(self) -> tuple[Part, ...]:
        """Return the parts of a message that say it; each tells what it is."""
        mark = {ARTIFACTS: {"kind": self.kind, "version": VERSION}}
        data = {"kind": self.kind, **self.body()}
        return (Part(data=data, media_type=MEDIA_TYPE, metadata=mark),)


@dataclass(frozen=True, slots=True)
class Text:
    """Prose.

    Raises
    ------
    InvalidArgument
    """

    text: str
    kind: ClassVar[str] = "text"

    def __post_init__(self) -> None:
        text_of("text", self.text)

    def to_parts(self) -> tuple[Part, ...]:
        """Return the parts of a message that say it."""
        return (Part(text=self.text),)


@dataclass(frozen=True, slots=True)
class StructuredJson(_Typed):
    """JSON, with the schema that describes it or none.

    Parameters
    ----------
    value : object
        Any JSON. Whole numbers are exact on our side; ids above 2**53 are better texts, as many
        agents read numbers as floats.
    schema : mapping, optional
        JSON Schema; nothing here checks against it.

    Raises
    ------
    InvalidArgument
    """

    value: Any = field(hash=False)
    schema: Mapping[str, Any] | None = field(default=None, hash=False)
    kind: ClassVar[str] = "structured_json"

    def __post_init__(self) -> None:
        object.__setattr__(self, "value", json_of("value", self.value))
        if self.schema is not None:
            object.__setattr__(self, "schema", json_of("schema", self.schema))

    def body(self) -> dict[str, Any]:
        """Return the data of the part, without its kind."""
        return {"value": self.value, **({} if self.schema is None else {"schema": self.schema})}


@dataclass(frozen=True, slots=True)
class VectorRef(_Typed):
    """A collection of vectors in a store that both sides can reach; `open` opens it.

    Parameters
    ----------
    backend, collection : str
        Of a lake.
    witness : str
        64 lower-case hex digits: `RuLake.cache_witness_of`, or that of a bundle.
    dim, count : int
        Dimensions, 1 to 65,536, and how many vectors there are.

    Raises
    ------
    InvalidArgument
    """

    backend: str
    collection: str
    witness: str
    dim: int
    count: int
    kind: ClassVar[str] = "vector_ref"

    def __post_init__(self) -> None:
        _name("backend", self.backend, 1024)
        _name("collection", self.collection, 1024)
        _witness(self.witness)
        for name, least, most in (("dim", 1, _MOST_DIM), ("count", 0, _MOST_COUNT)):
            object.__setattr__(self, name, whole_of(name, getattr(self, name), least, most))

    @classmethod
    def of(cls, lake: RuLake, collection: str, backend: str | None = None) -> Self:
        """Return a reference to what a lake has of a collection now.

        Parameters
        ----------
        lake : RuLake
        collection : str
        backend : str, optional
            The store, where more than one has a collection of this name.

        Raises
        ------
        UnknownBackend, UnknownCollection, LakeError, BackendError, InvalidArgument
        """
        from .opened import described

        key, witness, dim, count = described(lake, collection, backend)
        return cls(*key, witness, dim, count)

    def open(self, lake: RuLake) -> LakeCollection:
        """Return the collection, once its witness is checked.

        Parameters
        ----------
        lake : RuLake
            One that has a store of this name.

        Returns
        -------
        LakeCollection
            To be searched; a search after the store moved on is a WitnessMismatch.

        Raises
        ------
        WitnessMismatch
            The lake has other vectors under these names; the message has both witnesses.
        UnknownBackend, UnknownCollection, BackendError, InvalidArgument
        """
        from .opened import open_reference

        return open_reference(self, lake)

    def body(self) -> dict[str, Any]:
        """Return the data of the part, without its kind."""
        return {
            "backend": self.backend, "collection": self.collection, "witness": self.witness,
            "dim": self.dim, "count": self.count,
        }  # fmt: skip


@dataclass(frozen=True, slots=True)
class RuLakeWitness(_Typed):
    """A published index: the witness of its bundle and where its data are; `open` opens it.

    Parameters
    ----------
    witness : str
        64 lower-case hex digits, of a `RuLakeBundle`.
    data_ref : str
        That of the bundle.
    capabilities : sequence of str
        Words for what may be done with it; nothing here acts on them.

    Raises
    ------
    InvalidArgument
    """

    witness: str
    data_ref: str
    capabilities: tuple[str, ...] = ()
    kind: ClassVar[str] = "rulake_witness"

    def __post_init__(self) -> None:
        _witness(self.witness)
        _name("data_ref", self.data_ref, 4096)
        words = names_of("capabilities", self.capabilities)
        if len(words) > 64:
            raise InvalidArgument(f"capabilities has {len(words)} words, at most 64 are possible")
        for i, one in enumerate(words):
            _name(f"capabilities[{i}]", one, 256)
        object.__setattr__(self, "capabilities", words)

    def open(self, where: RuLake | str | os.PathLike[str]) -> LakeCollection | Index:
        """Return what was published, once its witness is checked.

        Parameters
        ----------
        where : RuLake or path
            A lake that has the data, or a folder that `RuLake.save_cache_to_dir` wrote.

        Returns
        -------
        LakeCollection or Index
            Of a lake the collection of this `data_ref`; of a folder the index, mapped.

        Raises
        ------
        WitnessMismatch
            The folder, or the lake, has another state of the data; the message has both witnesses.
        UnknownCollection
            No collection of the lake has this `data_ref`.
        FileMissing
            The folder has no bundle, or no index.
        LakeError, BackendError, CorruptIndex, PersistError, InvalidArgument
        """
        from .opened import open_published

        return open_published(self, where)

    def body(self) -> dict[str, Any]:
        """Return the data of the part, without its kind."""
        return {
            "witness": self.witness, "data_ref": self.data_ref,
            "capabilities": list(self.capabilities),
        }  # fmt: skip


@dataclass(frozen=True, slots=True)
class Raw:
    """Parts that are none of the others, as they came."""

    parts: tuple[Part, ...]
    kind: ClassVar[str] = "raw"

    def __post_init__(self) -> None:
        if self.parts:
            object.__setattr__(self, "parts", parts_of("parts", self.parts))

    def to_parts(self) -> tuple[Part, ...]:
        """Return the parts."""
        return self.parts


ArtifactKind: TypeAlias = Text | StructuredJson | VectorRef | RuLakeWitness | Raw


@dataclass(frozen=True, slots=True, repr=False)
class Artifact:
    """What an agent made.

    Attributes
    ----------
    artifact_id : str
        "" where the agent gave none.
    parts : tuple of Part
    name, description : str or None
    metadata : mapping
    extensions : tuple of str
    """

    artifact_id: str
    parts: tuple[Part, ...] = ()
    name: str | None = None
    description: str | None = None
    metadata: Mapping[str, Any] = field(default_factory=dict, hash=False)
    extensions: tuple[str, ...] = ()

    @property
    def text(self) -> str:
        """Its texts as one."""
        return joined(self.parts)

    @property
    def kind(self) -> ArtifactKind:
        """What it is, read when it is asked for: one of `Text`, `StructuredJson`, `VectorRef`,
        `RuLakeWitness` and `Raw`. Artifacts of others are Text, if they are one text, else Raw.

        Raises
        ------
        ArtifactVersionUnsupported
            It is marked as of another version.
        InvalidAgentResponse
            It is marked as one of these, and is not what it should be.
        """
        return kind_of(self.parts, self.metadata)

    @classmethod
    def from_json(cls, raw: Any) -> Self:
        """Return the artifact of JSON of version 1.0; what is missing reads as absent."""
        said = mapping(raw)
        return cls(
            word(said.get("artifactId")),
            tuple(map(Part.from_json, objects(said.get("parts")))),
            text(said.get("name")) or None,
            text(said.get("description")) or None,
            mapping(said.get("metadata")),
            texts(said.get("extensions")),
        )

    def __repr__(self) -> str:
        named = f"{shown(self.name)}: " if self.name else ""
        return f"Artifact({shown(self.artifact_id)}, {named}{shown_parts(self.parts)})"


def kind_of(parts: Sequence[Part], metadata: Mapping[str, Any]) -> ArtifactKind:
    """Return what parts are, by the mark in the metadata of their artifact, or of the only part.

    Raises
    ------
    ArtifactVersionUnsupported, InvalidAgentResponse
    """
    only = parts[0] if len(parts) == 1 else None
    name, version = _mark(metadata)
    if not name and only is not None:
        name, version = _mark(only.metadata)
        if not name and only.media_type == MEDIA_TYPE:
            name, version = word(mapping(only.data).get("kind")), VERSION
    if name and version != VERSION:
        raise ArtifactVersionUnsupported(
            f"an artifact of the kind {shown(name)} has the version {shown(version)}, version "
            f"{VERSION} can be read; read its parts",
            detail={"got": version, "supported": [VERSION]},
        )
    if name in ("", "text") and only is not None and only.text is not None:
        return _made("text", lambda: Text(only.text or ""))
    name = "rulake_witness" if name == _OLD_WITNESS else name
    if name == "text" or (name in _BODIES and only is None):
        raise InvalidAgentResponse(
            f"artifact: {name}: it has {len(parts)} parts, or none of its kind; read its parts"
        )
    if name not in _BODIES or only is None:
        return Raw(tuple(parts))
    data = mapping(only.data)
    inside = word(data.get("kind"))
    if ("rulake_witness" if inside == _OLD_WITNESS else inside) != name:
        raise InvalidAgentResponse(f"artifact: {name}: its data is of the kind {shown(inside)}")
    return _made(name, lambda: _BODIES[name](data))


def _mark(metadata: Mapping[str, Any]) -> tuple[str, str]:
    """Return kind and version of a mark; a kind of "" where there is none."""
    said, kind, version = metadata.get(ARTIFACTS), "kind", "version"
    if said is None:
        said, kind, version = metadata.get("ruvector"), "artifact_kind", "artifact_kind_version"
    found = mapping(said)
    what = found.get(version)
    written = VERSION if what is None else what if isinstance(what, str) else str(what)[:60]
    return word(found.get(kind)), written


def _made(name: str, make: Any) -> ArtifactKind:
    try:
        value: ArtifactKind = make()
    except InvalidArgument as error:
        raise InvalidAgentResponse(
            f"artifact: {name}: {error}; read its parts, and tell the agent's owner"
        ) from None
    return value


def _structured(data: Mapping[str, Any]) -> StructuredJson:
    if "value" not in data:
        raise InvalidArgument("value: it is missing")
    return StructuredJson(data["value"], data.get("schema"))


def _vectors(data: Mapping[str, Any]) -> VectorRef:
    backend: Any = data.get("backend")
    collection: Any = data.get("collection")
    witness: Any = data.get("witness")
    counts = (_count(name, data.get(name)) for name in ("dim", "count"))
    return VectorRef(backend, collection, witness, *counts)


def _published(data: Mapping[str, Any]) -> RuLakeWitness:
    words: Any = data.get("capabilities") or ()
    witness: Any = data.get("witness")
    data_ref: Any = data.get("data_ref")
    return RuLakeWitness(witness, data_ref, words)


_BODIES: Final = {
    "structured_json": _structured, "vector_ref": _vectors, "rulake_witness": _published,
}  # fmt: skip


def _count(what: str, value: Any) -> int:
    """Return a count; agents that have floats alone write 384.0."""
    if isinstance(value, float) and math.isfinite(value) and value.is_integer():
        value = int(value)
    return whole_of(what, value, 0, _MOST_COUNT)


def _name(what: str, value: Any, most: int) -> None:
    name = text_of(what, value)
    size = len(name.encode())
    if not 1 <= size <= most:
        raise InvalidArgument(f"{what} has {size:,} bytes, 1 to {most:,} are possible")
    if any(ord(c) < 32 or 127 <= ord(c) < 160 for c in name):
        raise InvalidArgument(f"{what}={name!r:.80} has control characters")


def _witness(value: Any) -> None:
    if not isinstance(value, str) or len(value) != 64 or set(value) - set("0123456789abcdef"):
        raise InvalidArgument(f"witness={value!r:.80} is not 64 lower-case hex digits")
