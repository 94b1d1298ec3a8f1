"""Which embedder made vectors: found again by what is recorded, told from others."""

from __future__ import annotations

from typing import Final, TypeAlias

from .._errors import EmbedError
from .embedder import DEFAULT_ID, Embedder
from .provenance import Provenance, refused, shown

Maker: TypeAlias = Embedder | Provenance

WAY: Final = "search with vectors where that is meant: ix.search(embedder.embed_query(text))"


def facts(maker: Maker) -> Provenance:
    """Return what is known of an embedder; a foreign one is not asked for its dimensions."""
    return maker if isinstance(maker, Provenance) else maker.made()


def are_others(one: Maker, other: Maker) -> bool:
    """Return whether two embedders are known to make vectors that do not compare.

    Dimensions alone are left to who compares the vectors.
    """
    if isinstance(one, Embedder) and isinstance(other, Embedder) and one.key == other.key:
        return False
    return facts(one).differs(facts(other)) not in ([], ["dim"])


def check_same(mine: str, made: Maker | None, other: str, given: Maker, way: str = WAY) -> None:
    """Refuse an embedder that is known not to be the one that made vectors.

    Parameters
    ----------
    mine, other : str
        The two sides in words, as of `refused`.
    made, given : Embedder or Provenance
        What is not known is not held against it.
    way : str
        The way out.

    Raises
    ------
    EmbedError
        Names both.
    """
    if made is not None and are_others(made, given):
        raise refused(mine, facts(made), other, facts(given), way)


def recall_origin(origin: str) -> Embedder:
    """Return the embedder that the provenance of an index names, if this machine has it.

    Raises
    ------
    EmbedError
        It has not, or another of this name; `origin`, which may be anything, names none.
    MissingExtra
        What runs the model is not installed.
    """
    try:
        made = Provenance.from_json(origin)
    except EmbedError as error:
        raise EmbedError(
            f"the index says that its vectors were made by what cannot be read ({error}); name "
            f"it: embedder=..., or {WAY}"
        ) from None
    return recall(made, "the vectors of this index were made")


def recall(made: Provenance, mine: str) -> Embedder:
    """Return the embedder that made vectors, if this machine has it.

    A file says what it likes: nothing is downloaded for it, no service is asked, no
    code is run but that of installed packages.

    Raises
    ------
    EmbedError
        This machine has not got it, or another of this name; names both.
    MissingExtra
        What runs the model is not installed.
    """
    found = _found(made.embedder)
    if found is None:
        raise EmbedError(
            f"{mine} by {shown(made.embedder)}, which cannot be loaded by name; name it: "
            f"embedder=..., or {WAY}"
        )
    here = found.made()
    if made.differs(here):
        raise refused(mine, made, "what this machine has of that name is", here, WAY)
    return found


def _found(name: str) -> Embedder | None:
    """Return the embedder of a name, None where this machine has none."""
    if name in ("default", DEFAULT_ID):
        return Embedder.from_pretrained("default")  # which is loaded once
    from .registry.resolve import recorded

    model = recorded(name)
    return None if model is None else Embedder._of(model)
