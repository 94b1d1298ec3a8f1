"""What made vectors, as columns, indexes, parquet files and bundles record it.

Vectors of two embedders are numbers of one kind and mean nothing to each other. So what made them
goes where they go, as JSON. Who reads it trusts nothing: a file says what it likes.
"""

from __future__ import annotations

from typing import Any, Final, NamedTuple

from .._errors import EmbedError

KEY: Final = b"ruvector.embedder"  # of Arrow metadata
MOST_BYTES: Final = 1 << 16  # of the JSON; ours is some hundred
MOST_TEXT: Final = 4096  # bytes of each text in it, as in bundles
_MOST_DIM: Final = 1 << 20
_MOST_TOKENS: Final = 1 << 31
_SHOWN: Final = 100  # letters of what a file says
_HEX: Final = frozenset("0123456789abcdef")


class Provenance(NamedTuple):
    """What made vectors. None stands for what is not known, as of files of older versions.

    Attributes
    ----------
    embedder : str
        Its id, for example ``"wordllama/l2_supercat_256"``.
    sha256 : str, optional
        Digest of the file of weights, 64 lower-case hex digits.
    dim : int, optional
        Dimensions of the vectors.
    normalized : bool, optional
        Whether the vectors have length 1.
    query_prefix, document_prefix : str, optional
        What is put before texts that ask, and before those that are found.
    max_tokens : int, optional
        Texts are cut there.
    pooling : str, optional
        How the vectors of tokens become that of a text.
    """

    embedder: str
    sha256: str | None = None
    dim: int | None = None
    normalized: bool | None = None
    query_prefix: str | None = None
    document_prefix: str | None = None
    max_tokens: int | None = None
    pooling: str | None = None

    def to_dict(self) -> dict[str, Any]:
        """Return what is known, ready for JSON."""
        return {name: value for name, value in self._asdict().items() if value is not None}

    def to_json(self) -> str:
        """Return what is known as JSON, the same text for the same facts."""
        import json  # here, so that importing the package stays short

        return json.dumps(self.to_dict(), sort_keys=True)

    @classmethod
    def from_dict(cls, said: Any) -> Provenance:
        """Return what an object of JSON says; keys that are not known are left out.

        Raises
        ------
        EmbedError
            It names no embedder, or a field cannot be what it is; names the field.
        """
        if isinstance(said, dict) and isinstance(said.get("embedder"), dict):
            said = said["embedder"]  # as indexes of lakes have it
        if not isinstance(said, dict) or not isinstance(said.get("embedder"), str):
            raise EmbedError(f"{shown(said)} names no embedder")
        for name, fits in _FITS.items():
            if said.get(name) is not None and not fits(said[name]):
                raise EmbedError(
                    f"the embedder {shown(said['embedder'])} is told with {name}="
                    f"{shown(said[name])}, which is no such thing"
                )
        fields: Any = {name: said.get(name) for name in cls._fields}
        return cls(**fields)

    @classmethod
    def from_json(cls, text: str) -> Provenance:
        """Return what JSON says; text that is no JSON is an embedder's name.

        Raises
        ------
        EmbedError
            It is too long, names no embedder, or a field cannot be what it is.
        """
        import json  # here, so that importing the package stays short

        if len(text) > MOST_BYTES:
            raise EmbedError(f"{shown(text)} ({len(text):,} characters) names no embedder")
        try:
            said = json.loads(text)
        except (ValueError, RecursionError):
            return cls.from_dict({"embedder": text})
        if not isinstance(said, dict):
            raise EmbedError(f"{shown(text)} names no embedder")
        return cls.from_dict(said)

    def differs(self, other: Provenance) -> list[str]:
        """Return the fields by which vectors do not compare; none where nothing is known to differ.

        Where both sides tell the digest of their weights, names are only names: one model has
        several. What one side does not know says nothing. ``max_tokens`` alone is no difference:
        it cuts texts, and vectors of two lengths of one text are as near as two texts are.
        """
        names = [name for name in self._fields if name not in ("embedder", "max_tokens")]
        if self.sha256 is None or other.sha256 is None:
            names.insert(0, "embedder")
        return [
            name
            for name in names
            if (mine := getattr(self, name)) is not None
            and (theirs := getattr(other, name)) is not None
            and mine != theirs
        ]

    def told(self, fields: list[str]) -> str:
        """Return the name and some fields as a sentence has them."""
        facts = [_told(name, getattr(self, name)) for name in fields if name != "embedder"]
        return shown(self.embedder) + (f" ({', '.join(facts)})" if facts else "")


def said_of(metadata: Any, column: str, by_column: bool = False) -> Provenance | None:
    """Return what Arrow metadata says of what made a column; None where nothing can be read.

    `by_column` is of metadata of a whole table, whose value is an object by column.
    """
    text = None if not metadata else metadata.get(KEY)
    if text is None or len(text) > MOST_BYTES:
        return None
    import json  # here, so that importing the package stays short

    try:
        said = json.loads(text)
        if by_column:
            said = said.get(column) if isinstance(said, dict) else None
        return Provenance.from_dict(said)
    except (ValueError, RecursionError, EmbedError):
        return None


def said_of_text(text: str) -> Provenance | None:
    """Return what a file says of what made a column; None where nothing can be read."""
    return said_of({KEY: text}, "")


def refused(
    mine: str, made: Provenance, other: str, given: Provenance, way: str, row: int | None = None
) -> EmbedError:
    """Return the error for vectors that do not compare.

    Parameters
    ----------
    mine, other : str
        The two sides: ``"the vectors of this index were made"``, ``"embedder= is"``.
    made, given : Provenance
        What made either.
    way : str
        The way out.
    row : int, optional
        The first row that is meant.
    """
    fields = made.differs(given)
    by = "" if other.endswith("is") else " by"
    return EmbedError(
        f"{mine} by {made.told(fields)}, {other}{by} {given.told(fields)}: vectors of two "
        f"embedders do not compare; {way}",
        row=row,
    )


def shown(told: object) -> str:
    """Return what a file says as text that an error can show."""
    text = told if isinstance(told, str) else type(told).__name__
    return repr(text if len(text) <= _SHOWN else text[:_SHOWN] + "...")


def _told(name: str, value: object) -> str:
    if name == "sha256":
        return f"weights {str(value)[:16]}..."
    if name == "dim":
        return f"{value} dimensions"
    if name == "normalized":
        return "of length 1" if value else "of any length"
    return f"{name.replace('_', ' ')} {shown(value)}"


def _is_text(value: Any) -> bool:
    return isinstance(value, str) and len(value) <= MOST_TEXT


def _is_digest(value: Any) -> bool:
    return isinstance(value, str) and len(value) == 64 and _HEX.issuperset(value)


def _is_count(most: int, value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 1 <= value <= most


_FITS: Final = {
    "embedder": _is_text,
    "sha256": _is_digest,
    "dim": lambda value: _is_count(_MOST_DIM, value),
    "normalized": lambda value: isinstance(value, bool),
    "query_prefix": _is_text,
    "document_prefix": _is_text,
    "max_tokens": lambda value: _is_count(_MOST_TOKENS, value),
    "pooling": _is_text,
}
