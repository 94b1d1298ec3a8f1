"""Metrics: their names, the columns their scores are called by, and which way is better."""

from __future__ import annotations

import math
from typing import Any, Final, Literal, TypeAlias

import numpy as np

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
_RANGES: Final = {
    "cosine": (-1.0, 1.0),
    "dot": (-math.inf, math.inf),
    "l2": (0.0, math.inf),
    "sqeuclidean": (0.0, math.inf),
    "hamming": (0.0, math.inf),
    "jaccard": (0.0, 1.0),
}
_RANGE_WORDS: Final = {
    "cosine": "from -1 to 1",
    "dot": "any finite number",
    "l2": "0 or more",
    "sqeuclidean": "0 or more",
    "hamming": "from 0 to the bits of a row",
    "jaccard": "from 0 to 1",
}
_ELSEWHERE: Final = {
    "dot": "ip inner inner_product innerproduct dotproduct dot_product max_inner_product mips",
    "cosine": "cos angular cosine_similarity cosine_distance cossim cosinesimil",
    "l2": "euclid euclidian euclidean_distance l2_distance minkowski",
    "sqeuclidean": "l2sq sql2 sq_l2 squared_l2 l2_squared squared_euclidean sqeuclid sqeuclidian "
    "l2_sqr sqeuclidean_distance",
    "hamming": "hamming_distance binary",
    "jaccard": "tanimoto jaccard_distance",
}
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
            f"metric={metric!r} is not a metric; {_meant(metric)}choose 'cosine', 'dot', "
            "'l2' (= 'euclidean', not squared), 'sqeuclidean', or for bits 'hamming' or 'jaccard'"
        )
    return name


def _meant(metric: object) -> str:
    """Return what a name of elsewhere is called here."""
    name = str(metric).lower().replace("-", "_").replace(" ", "_")
    for here, elsewhere in _ELSEWHERE.items():
        if name in (here, *elsewhere.split()) or (name, here) == ("euclidean", "l2"):
            squared = ", which is not squared here (that is 'sqeuclidean')" if here == "l2" else ""
            return f"use metric={here!r}{squared}; "
    return ""


def larger_is_better(metric: str) -> bool:
    """Return whether a larger score is a better one (similarities), False for distances."""
    return metric in _LARGER_IS_BETTER


def threshold(
    metric: str, min_similarity: float | None, max_distance: float | None, bits: int = 0
) -> float | None:
    """Return the threshold that fits `metric`, or None when none was given.

    ``bits`` is the number of bits of a row, for ``hamming``; 0 when not known yet.

    Raises
    ------
    MetricError
        A similarity threshold was given for a distance or the other way round.
    InvalidArgument
        Not a number, or none that scores of the metric can be; says the range.
    """
    if larger_is_better(metric):
        if max_distance is not None:
            raise MetricError(
                f"max_distance={max_distance!r} cannot limit metric {metric!r}, whose "
                f"{SCORE_NAMES[metric]} grows with likeness{_range_of(metric)}: use "
                "min_similarity=, or metric='l2'"
            )
        bound = _number("min_similarity", min_similarity)
    else:
        if min_similarity is not None:
            raise MetricError(
                f"min_similarity={min_similarity!r} cannot limit metric {metric!r}, whose "
                f"{SCORE_NAMES[metric]} shrinks with likeness{_range_of(metric)}: use "
                "max_distance=, or metric='cosine'"
            )
        bound = _number("max_distance", max_distance)
    if bound is not None:
        _check_range(metric, bound)
        check_bits(metric, bound, bits)
    return bound


def check_bits(metric: str, bound: float | None, bits: int) -> None:
    """Refuse a number of bits that rows of so many bits cannot differ in.

    Raises
    ------
    InvalidArgument
    """
    if metric == "hamming" and bits and bound is not None and bits < bound < math.inf:
        raise InvalidArgument(
            f"max_distance={bound:g} is out of the range of hamming_distance: rows of {bits} bits "
            f"differ in 0 to {bits}; inf lets every row in"
        )


def _check_range(metric: str, bound: float) -> None:
    """Refuse a threshold that no score can be, compared as float32 as scores are."""
    low, high = _RANGES[metric]
    larger = larger_is_better(metric)
    with np.errstate(over="ignore"):
        number = float(np.float32(bound))
    if number == (-math.inf if larger else math.inf):
        return  # lets every row in
    if low <= number <= high and (abs(number) < math.inf):
        return
    name = "min_similarity" if larger else "max_distance"
    advice = ""
    if metric == "cosine" and 1 < bound <= 100:
        advice = f"; {bound:g} % is {bound / 100:g}"
    elif metric in ("l2", "sqeuclidean") and bound < 0:
        advice = "; distances are not negative, a similarity is metric='cosine'"
    raise InvalidArgument(
        f"{name}={bound:g} is a threshold that no score is within or that all are: "
        f"{SCORE_NAMES[metric]} is {_RANGE_WORDS[metric]}{advice}"
    )


def _range_of(metric: str) -> str:
    return f" and is {_RANGE_WORDS[metric]}"


def _number(name: str, value: Any) -> float | None:
    if value is None:
        return None
    try:
        number = float(value) if not isinstance(value, str | bytes) else None
    except (TypeError, ValueError):
        number = None
    if number is None:
        raise InvalidArgument(f"{name}={value!r} must be a number")
    if number != number:
        raise InvalidArgument(f"{name} is NaN, which no score is within")
    return number
