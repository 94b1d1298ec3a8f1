"""What counts the tokens of a prompt."""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any, Final, NamedTuple

import numpy as np

from ..._errors import EmbedError, InvalidArgument, MissingExtra
from ..._frames import protocol
from ..._frames.origin import maker_of_column
from ..._text.embedder import Embedder, resolve

BYTES_A_TOKEN: Final = 3  # English has about 4; what is counted must not be too few
ESTIMATE: Final = f"estimate: {BYTES_A_TOKEN} bytes of UTF-8 a token"


class Counter(NamedTuple):
    """Counts tokens of a text, and says who does."""

    tokens: Callable[[str], int]
    name: str


def counter_of(count_tokens: Any, frame: protocol.Frame | None) -> Counter:
    """Return what counts: what is given, else the tokenizer of the embedder of the hits.

    That is what made their column of vectors, if `embed` did, else the configured or the default
    one; an estimate where that has no tokenizer or is not installed.

    Raises
    ------
    InvalidArgument
        `count_tokens` cannot be called.
    """
    if count_tokens is not None:
        return _given(count_tokens)
    embedder = None if frame is None else _maker(frame)
    try:
        embedder = resolve(None) if embedder is None else embedder
        embedder.count_tokens("a")
    except (EmbedError, MissingExtra):
        return Counter(_estimate, ESTIMATE)
    return Counter(_of_embedder(embedder), embedder.id)


def _maker(frame: protocol.Frame) -> Embedder | None:
    for fact in protocol.all_facts(frame):
        maker = maker_of_column(frame, fact.label) if fact.kind == "vector" else None
        if maker is not None:
            return maker
    return None


def _of_embedder(embedder: Embedder) -> Callable[[str], int]:
    return lambda text: int(embedder.count_tokens(text)[0])


def _estimate(text: str) -> int:
    return -(-len(text.encode()) // BYTES_A_TOKEN)


def _given(count_tokens: Any) -> Counter:
    named = getattr(count_tokens, "count_tokens", None)
    function: Any = named if callable(named) else count_tokens
    if not callable(count_tokens) and function is count_tokens:
        raise InvalidArgument(
            f"count_tokens={count_tokens!r:.60} must be a function of a text that returns a whole "
            "number, for example lambda text: len(encoding.encode(text)), or an Embedder"
        )
    name = str(getattr(count_tokens, "__name__", None) or type(count_tokens).__name__)

    def count(text: str) -> int:
        answer: Any = function(text)
        if np.ndim(answer) == 1 and len(answer) == 1:  # of an embedder's: one a text
            answer = answer[0]
        try:
            tokens = operator.index(answer)
        except TypeError:
            tokens = -1
        if tokens < 0:
            raise InvalidArgument(
                f"count_tokens={name} returned {answer!r:.60} for a text of {len(text)} "
                "characters; a whole number from 0 on is needed"
            )
        return tokens

    return Counter(count, name)
