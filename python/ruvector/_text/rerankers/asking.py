"""A reranker is asked for the scores of one query's texts, and its answer is checked."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
import numpy.typing as npt

from ..._errors import EmbedError, InvalidArgument
from ..._input.values import NotNumbers, numbers_of
from .scorer import Scorer, ranked

_SHOWN: Final = 60  # letters of a text in an error


def ask(
    scorer: Scorer,
    query: str,
    texts: list[str],
    rows: npt.NDArray[np.int64],
    *,
    at: int = 0,
    column: Any = None,
) -> npt.NDArray[np.float32]:
    """Return the score of every text.

    Parameters
    ----------
    scorer : Scorer
    query : str
    texts : list of str, n of them
    rows : ndarray of int64, shape (n,)
        Where the texts are, for errors.
    at : int
        The query's number, for errors.
    column : label, optional
        Where the texts are, for errors.

    Returns
    -------
    ndarray of float32, shape (n,)

    Raises
    ------
    InvalidArgument
        The answer is not one number a text; names the query, and the first text and row.
    Exception
        What the reranker raised, as it is, with a note of what it was reading.
    """
    where = f"reranker={scorer.name}, query {at} ({query[:_SHOWN]!r})"
    try:
        answer = scorer.score(query, list(texts))
        if hasattr(answer, "__await__"):
            from ..awaited import awaited

            answer = ranked(awaited(answer), len(texts))
    except Exception as error:
        if isinstance(error, EmbedError) and error.row is not None:
            error.row = int(rows[error.row])  # of a text that cannot be sent
        error.add_note(
            f"{where}: it was scoring {len(texts)} texts of column {column!r}, the first that of "
            f"row {rows[0]} ({texts[0][:_SHOWN]!r})"
        )
        raise
    return _checked(answer, where, texts, rows)


def _checked(
    answer: Any, where: str, texts: list[str], rows: npt.NDArray[np.int64]
) -> npt.NDArray[np.float32]:
    try:
        alone = len(texts) == 1 and hasattr(answer, "__float__") and np.ndim(answer) == 0
        scores, _ = numbers_of([answer] if alone else answer)
    except (NotNumbers, ValueError, TypeError) as error:
        raise InvalidArgument(f"{where}: the scores cannot be read ({error})") from error
    if scores.ndim == 2 and scores.shape[1] == 1:
        scores = scores[:, 0]
    if scores.shape != (len(texts),):
        raise InvalidArgument(
            f"{where}: returned scores of shape {scores.shape} for {len(texts)} texts; one number "
            "a text is needed"
        )
    if scores.dtype.kind not in "fiu":
        raise InvalidArgument(f"{where}: returned {scores.dtype}, not numbers")
    bad = np.flatnonzero(np.isnan(scores))
    if bad.size:
        first = int(bad[0])
        raise InvalidArgument(
            f"{where}: returned no number (null or NaN) for {bad.size} of {len(texts)} texts, "
            f"first for row {rows[first]} ({texts[first][:_SHOWN]!r})",
            row=int(rows[first]),
        )
    with np.errstate(over="ignore"):
        return scores.astype(np.float32)
