"""Bundles: what lies beside a published index, and its witness."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple

from .._arguments import whole
from .._errors import EmbedError, InvalidArgument
from .._habits import told
from .._native.files import file_path
from .._native.lake import bundle as _native
from .._show import html
from .._text.provenance import Provenance

_MOST_TEXT: Final = 4096  # bytes
_NO_WITNESS: Final = "0" * 64


class BundleContent(NamedTuple):
    """What a bundle of format 3 is a witness of, beside what format 2 covers.

    Attributes
    ----------
    rotation : str
        Kind of the rotation.
    metric, kind : str
        Of the index.
    codec : int
        Format version of the index file.
    rows : int
        Rows of the collection.
    digest : str
        SHA-256 of its ids and vectors in the order of the rows, 64 lower-case hex digits.
    """

    rotation: str
    metric: str
    kind: str
    codec: int
    rows: int
    digest: str


@dataclass(frozen=True, slots=True, init=False, repr=False)
class RuLakeBundle:
    """Which data an index was made of: ``table.rulake.json``, the document beside it.

    A bundle never changes; it is hashable, can be pickled, and any number of threads may use it.
    ``dataclasses.replace`` makes another one, with the witness of its fields.

    Parameters
    ----------
    data_ref : str
        Where the data are, the same for everybody who reads them, for example
        ``"gs://bucket/x.parquet"``. Texts are at most 4,096 bytes of UTF-8.
    dim : int
        Dimensions of the vectors, 1 to 8,192.
    rotation_seed : int
        Seed of the index, 0 to 2**64 - 1.
    rerank_factor : int
        How many times k rows a search measures exactly, 1 or more.
    generation : int or str
        Which state of the data: a number, 0 to 2**64 - 1, or a text that its store understands.
        ``7`` and ``"7"`` are two.
    pii_policy, lineage_id, memory_class : str, optional
        Kept with the bundle; no witness covers them.
    content : BundleContent, optional
        Makes a bundle of format 3, whose witness covers the content as well.
    embedder : mapping, optional
        What made the vectors: ``embedder``, its id, and of ``sha256``, ``dim``, ``normalized``,
        ``query_prefix``, ``document_prefix``, ``max_tokens`` and ``pooling`` what is known, as
        ``Index.info()["embedder"]`` has it. The bundle has it as a named tuple. No witness covers
        it. A lake writes it where store or index know it, and does not warm a collection whose
        vectors another one made.

    Attributes
    ----------
    format_version : int
        2, or 3 with `content`; 1 only of a document that was read.
    witness : str
        64 lower-case hex digits: the hash that format 2, or the format that it is, prescribes.

    Raises
    ------
    InvalidArgument
        An argument that no bundle can have.

    Examples
    --------
    >>> import ruvector as rv
    >>> bundle = rv.RuLakeBundle("local://b/c", 768, 42, 20, 1)
    >>> bundle.witness[:16]
    '4489f866af997a44'
    """

    data_ref: str
    dim: int
    rotation_seed: int
    rerank_factor: int
    generation: int | str
    pii_policy: str | None
    lineage_id: str | None
    memory_class: str | None
    content: BundleContent | None
    embedder: Provenance | None
    format_version: int = field(init=False)
    witness: str = field(init=False)

    @told
    def __init__(
        self,
        data_ref: str,
        dim: int,
        rotation_seed: int,
        rerank_factor: int,
        generation: int | str,
        *,
        pii_policy: str | None = None,
        lineage_id: str | None = None,
        memory_class: str | None = None,
        content: BundleContent | None = None,
        embedder: Mapping[str, Any] | Provenance | None = None,
    ) -> None:
        given: dict[str, Any] = {
            "format_version": 2 if content is None else 3,
            "data_ref": _text("data_ref", data_ref),
            "dim": _number("dim", dim, 1, 8192),
            "rotation_seed": _number("rotation_seed", rotation_seed, 0, 2**64 - 1),
            "rerank_factor": _number("rerank_factor", rerank_factor, 1, 2**31 - 1),
            "generation": _generation(generation),
            "rvf_witness": _NO_WITNESS,
            "pii_policy": _optional("pii_policy", pii_policy),
            "lineage_id": _optional("lineage_id", lineage_id),
            "memory_class": _optional("memory_class", memory_class),
        }
        if content is not None:
            given["content"] = _content(content)
        if embedder is not None:
            given["embedder"] = _maker(embedder)
        self._take(_native.seal(json.dumps(given, ensure_ascii=False).encode()))

    def _take(self, text: bytes) -> None:
        """Become what a document says that the library wrote."""
        said = json.loads(text)
        content = said.get("content")
        said["content"] = None if content is None else BundleContent(**content)
        said["witness"] = said.pop("rvf_witness")
        said.setdefault("memory_class", None)
        made = said.get("embedder")
        said["embedder"] = None if made is None else Provenance.from_dict(made)
        for name, value in said.items():
            object.__setattr__(self, name, value)

    @classmethod
    def _of(cls, text: bytes) -> RuLakeBundle:
        self = object.__new__(cls)
        self._take(text)
        return self

    @property
    def cache_witness(self) -> str:
        """The witness of format 2 of the same fields, which the cache of a lake goes by."""
        if self.format_version == 2:
            return self.witness
        return RuLakeBundle(
            self.data_ref, self.dim, self.rotation_seed, self.rerank_factor, self.generation
        ).witness

    @told
    def verify(self, against: RuLakeBundle | None = None) -> None:
        """Make the witness again and compare.

        Parameters
        ----------
        against : RuLakeBundle, optional
            Another bundle, which is verified too and must be of the same data. Two formats are
            compared by what both cover; what no witness covers may differ.

        Raises
        ------
        WitnessMismatch
            The fields have another witness; the message has both. With `against`, the message
            names every field that differs.
        """
        if against is None:
            _native.verify(self._bytes())
        elif isinstance(against, RuLakeBundle):
            _native.compare(self._bytes(), against._bytes())
        else:
            raise InvalidArgument(
                f"against={against!r} must be a RuLakeBundle; RuLakeBundle.read(dir) reads one"
            )

    def to_json(self) -> str:
        """Return the document as JSON, as `write` writes it."""
        return self._bytes().decode()

    def _bytes(self) -> bytes:
        said = {
            "format_version": self.format_version, "data_ref": self.data_ref, "dim": self.dim,
            "rotation_seed": self.rotation_seed, "rerank_factor": self.rerank_factor,
            "generation": self.generation, "rvf_witness": self.witness,
            "pii_policy": self.pii_policy, "lineage_id": self.lineage_id,
            "memory_class": self.memory_class,
        }  # fmt: skip
        if self.content is not None:
            said["content"] = self.content._asdict()
        if self.embedder is not None:
            said["embedder"] = self.embedder.to_dict()
        return _native.decode(json.dumps(said, ensure_ascii=False).encode())

    @classmethod
    @told
    def from_json(cls, text: str | bytes | bytearray) -> RuLakeBundle:
        """Return the bundle of a document. Its witness is what `verify` verifies.

        Fields that are not known are left out.

        Parameters
        ----------
        text : str or bytes
            JSON, at most 65,536 bytes.

        Raises
        ------
        LakeError
            The document is no bundle: what is wrong, with the field.
        """
        if isinstance(text, str):
            text = text.encode("utf-8", "surrogatepass")
        elif not isinstance(text, bytes | bytearray):
            raise InvalidArgument(f"text is {type(text).__name__}, which is neither str nor bytes")
        return cls._of(_native.decode(bytes(text)))

    @told
    def write(self, dir: str | os.PathLike[str]) -> str:
        """Verify the bundle and write it to a folder, complete or not at all.

        Readers find the old bundle or the new one. A folder that is missing is made; a symbolic
        link of the bundle's name is replaced, not followed.

        Parameters
        ----------
        dir : str or path
            The folder.

        Returns
        -------
        str
            The path of the file, ``dir/table.rulake.json``.

        Raises
        ------
        WitnessMismatch
            The bundle has not the witness of its fields.
        LakeError
            It cannot be written; an OSError, too, where the system gave a reason.
        InvalidArgument
            No folder can have such a name.
        """
        return _native.write(self._bytes(), file_path(dir, "dir", "folder"))

    @classmethod
    @told
    def read(cls, dir: str | os.PathLike[str]) -> RuLakeBundle:
        """Return the bundle of a folder, verified.

        Parameters
        ----------
        dir : str or path
            The folder.

        Raises
        ------
        FileMissing
            There is none.
        WitnessMismatch
            It has not the witness of its fields.
        LakeError
            It is a link, no file, or no bundle; what is wrong, with the path.
        InvalidArgument
            No folder can have such a name.
        """
        return cls._of(_native.read(file_path(dir, "dir", "folder")))

    def _facts(self) -> list[tuple[str, object]]:
        facts: list[tuple[str, object]] = [
            ("data_ref", self.data_ref), ("dim", self.dim), ("rotation_seed", self.rotation_seed),
            ("rerank_factor", self.rerank_factor), ("generation", self.generation),
            ("pii_policy", self.pii_policy), ("lineage_id", self.lineage_id),
            ("memory_class", self.memory_class),
        ]  # fmt: skip
        if self.content is not None:
            facts += [(f"content.{name}", value) for name, value in self.content._asdict().items()]
        if self.embedder is not None:
            facts.append(("embedder", self.embedder.embedder))
        return [(name, value) for name, value in facts if value is not None]

    def __repr__(self) -> str:
        facts = [f"{name}={_short(value)}" for name, value in self._facts()]
        return f"RuLakeBundle({', '.join(facts)}, witness={self.witness[:16]}...)"

    def _repr_html_(self) -> str:
        facts = [(name, value if name == "dim" else _short(value)) for name, value in self._facts()]
        facts += [("format", self.format_version), ("witness", self.witness)]
        return html.facts("ruvector.RuLakeBundle", facts)


def _short(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 82 else f"{text[:79]}...{text[-1]}"


def _number(name: str, value: Any, least: int, most: int) -> int:
    count = whole(name, value)
    if isinstance(value, bool) or not least <= count <= most:
        raise InvalidArgument(f"{name}={value} must be between {least} and {most}")
    return count


def _text(name: str, value: Any) -> str:
    if not isinstance(value, str):
        raise InvalidArgument(f"{name}={value!r} must be a text")
    try:
        size = len(value.encode())
    except UnicodeEncodeError as error:
        raise InvalidArgument(
            f"{name}={_short(value)} has half of a surrogate pair at {error.start}, which is no "
            f"character; clean it: {name}.encode('utf-8', 'replace').decode()"
        ) from None
    if size > _MOST_TEXT:
        raise InvalidArgument(f"{name} has {size:,} bytes, at most {_MOST_TEXT:,} are allowed")
    return str(value)


def _optional(name: str, value: Any) -> str | None:
    if isinstance(value, str) and not value:
        raise InvalidArgument(f"{name}='' says nothing; None stands for absent")
    return None if value is None else _text(name, value)


def _generation(value: Any) -> int | str:
    if isinstance(value, str):
        return _text("generation", value)
    if isinstance(value, float | bool) or value is None:
        raise InvalidArgument(f"generation={value!r} must be a whole number or a text")
    return _number("generation", value, 0, 2**64 - 1)


def _maker(value: Any) -> dict[str, Any]:
    """Return ``embedder=`` checked.

    Raises
    ------
    InvalidArgument
        It is no mapping, or a field cannot be what it is; names the field.
    """
    if isinstance(value, Provenance):
        value = value.to_dict()
    if not isinstance(value, Mapping):
        raise InvalidArgument(
            f"embedder={_short(value)} must be a mapping, such as index.info()['embedder']"
        )
    try:
        return Provenance.from_dict(dict(value)).to_dict()
    except EmbedError as error:
        raise InvalidArgument(f"embedder={_short(dict(value))}: {error}") from None


def _content(value: Any) -> Mapping[str, Any]:
    if not isinstance(value, BundleContent):
        raise InvalidArgument(f"content={_short(value)} must be a BundleContent")
    digest = _text("content.digest", value.digest)
    if len(digest) != 64 or set(digest) - set("0123456789abcdef"):
        raise InvalidArgument(f"content.digest={_short(digest)} is not 64 lower-case hex digits")
    return {
        "rotation": _text("content.rotation", value.rotation),
        "metric": _text("content.metric", value.metric),
        "kind": _text("content.kind", value.kind),
        "codec": _number("content.codec", value.codec, 0, 2**31 - 1),
        "rows": _number("content.rows", value.rows, 0, 2**63 - 1),
        "digest": digest,
    }
