"""Metrics: their names, the columns their scores are called by, and which way is better."""

from __future__ import annotations

from typing import Any, Final, Literal, TypeAlias

from ._errors import InvalidArgument, MetricError

MetricName: TypeAlias = Literal[
    "cosine", "dot", "l2", "euclidean", "sqeuclidean", "hamming", "jaccard"
]

SCORE_NAMES: Final[dict[str, str]] = {
    "cosine": "cosine_similarity",
    "dot": "dot_product",
    "l2": "l2_distance",
    "sqeuclidean": "sqeuclidean_distance",
    "hamming": "hamming_distance",
    "jaccard": "jaccard_distance",
}
BINARY: Final = frozenset({"hamming", "jaccard"})  # they compare rows of packed bits
_LARGER_IS_BETTER: Final = frozenset({"cosine", "dot"})


def canonical(metric: str) -> str:
    """Return the one name a metric goes by (``euclidean`` is ``l2``).

    Raises
    ------
    MetricError
        The name is not a metric; the message lists those that are.
    """
    name = "l2" if metric == "euclidean" else metric
    if not isinstance(name, str) or name not in SCORE_NAMES:
        raise MetricError(
            f"metric={metric!r} is not a metric; choose 'cosine', 'dot', "
            "'l2' (= 'euclidean', not squared), 'sqeuclidean', or for bits 'hamming' or 'jaccard'"
        )
    return name


def larger_is_better(metric: str) -> bool:
    """Return whether a larger score is a better one (similarities), False for distances."""
    return metric in _LARGER_IS_BETTER


def threshold(
    metric: str, min_similarity: float | None, max_distance: float | None
) -> float | None:
    """Return the threshold that fits `metric`, or None when none was given.

    Raises
    ------
    MetricError
        A similarity threshold was given for a distance or the other way round.
    InvalidArgument
        Not a number.
    """
    if larger_is_better(metric):
        if max_distance is not None:
            raise MetricError(
                f"max_distance={max_distance!r} cannot limit metric {metric!r}, whose "
                f"{SCORE_NAMES[metric]} grows with likeness: use min_similarity=, "
                "or metric='l2'"
            )
        return _number("min_similarity", min_similarity)
    if min_similarity is not None:
        raise MetricError(
            f"min_similarity={min_similarity!r} cannot limit metric {metric!r}, whose "
            f"{SCORE_NAMES[metric]} shrinks with likeness: use max_distance=, "
            "or metric='cosine'"
        )
    return _number("max_distance", max_distance)


def _number(name: str, value: Any) -> float | None:
    if value is None:
        return None
    try:
        number = float(value)
    except (TypeError, ValueError):
        raise InvalidArgument(f"{name}={value!r} must be a number") from None
    if number != number:
        raise InvalidArgument(f"{name} is NaN, which no score is within")
    return number
