"""Words and vectors fused: `hybrid` on every column of texts, with batches of every kind."""

from __future__ import annotations

import math
import unicodedata
from collections import Counter
from typing import Any

import numpy as np

import ruvector as rv

from .drawing import Case, require
from .framing import LIBRARIES, values_of
from .texting import WORDS, _batches, _columns, _frame, embed

ALONE = ("KATAKANA", "HIRAGANA", "CJK UNIFIED", "THAI")
FEWEST = 5  # rows that each side gives, at least


def terms(text: str | None) -> list[str]:
    """Cut a text by the rule in the notes of `hybrid`."""
    found = [""]
    for c in unicodedata.normalize("NFKC", text or ""):
        category = unicodedata.category(c)[0]
        if category == "M":
            found[-1] += c if found[-1] else ""
        elif category not in "LN":
            found.append("")
        elif unicodedata.name(c, "").startswith(ALONE):
            found += [c, ""]
        else:
            found[-1] += c.lower()
    return [term for term in found if term]


def bm25(texts: list[Any], query: str) -> list[float]:
    """Score texts as Lucene does; 0 for those without a term of the query."""
    cut = [terms(text) for text in texts]
    n, tokens = sum(map(bool, cut)), sum(map(len, cut))
    scores = [0.0] * len(texts)
    for term, times in sorted(Counter(terms(query)).items()):
        rows = sum(term in found for found in cut)
        idf = math.log(1 + (n - rows + 0.5) / (rows + 0.5))
        for row, found in enumerate(cut):
            tf = found.count(term)
            if tf:
                length = 1.2 * (1 - 0.75 + 0.75 * len(found) * n / tokens)
                scores[row] += times * idf * tf / (tf + length)
    return scores


def _similarities(texts: list[Any], query: str) -> list[float]:
    """Return the cosine of every text with the query, -inf for those without a vector."""
    of = embed([text or "" for text in texts]).astype(np.float64)
    at = embed([query])[0].astype(np.float64)
    cosine = of @ at / np.linalg.norm(of, axis=1) / np.linalg.norm(at)
    return [float(c) if text else -math.inf for c, text in zip(cosine, texts, strict=True)]


def _expected(
    texts: list[Any], query: str, k: int, allowed: np.ndarray
) -> list[tuple[int, float, float, float]]:
    """Return row, BM25, similarity and fused score of every row of the answer."""
    words, likeness = bm25(texts, query), _similarities(texts, query)
    sides = [
        sorted((r for r in range(len(texts)) if has[r] > least and allowed[r]),
               key=lambda r, has=has: (-round(has[r], 12), r))
        for has, least in ((words, 0.0), (likeness, -math.inf))
    ]  # fmt: skip
    fused: Counter[int] = Counter()
    for side in sides:
        for rank, row in enumerate(side[: max(k, FEWEST)], 1):
            fused[row] += 1 / (60 + rank)  # type: ignore[assignment]
    best = sorted(fused, key=lambda r: (-fused[r], r))[:k]
    return [(r, words[r] or math.nan, likeness[r], fused[r]) for r in best]


def words_and_vectors(case: Case) -> None:
    """Search a column of texts by its words and its vectors at once."""
    n = case.pick([1, 2, 5, 17, 40])
    values: list[Any] = [case.pick([*WORDS, None]) for _ in range(n)]
    values[0] = values[0] or "cat"
    library = case.pick(LIBRARIES)
    name = case.pick(list(_columns(values)[library]))
    case.note(library, "texts as", name)
    frame = _frame(library, name, values)
    k = case.pick([0, 1, 3, 7, 30])
    arguments: dict[str, Any] = {"text": "t", "k": k, "embedder": embed}
    allowed = np.ones(n, bool)
    if case.chance(0.4):
        allowed = np.array([case.chance(0.5) for _ in range(n)])
        arguments["where"] = allowed
        case.note("where", allowed.tolist())
    if case.chance(0.2):
        arguments["index"] = rv.build_index(frame, "t", embedder=embed)
        case.note("index given")
    asked = [case.pick(WORDS) + case.pick(["", " cat", " marks"]) for _ in range(case.pick([1, 3]))]
    if case.chance(0.4):
        asked = asked[:1]
        hits = rv.hybrid(frame, asked[0], **arguments)
    else:
        batches = _batches(asked)
        how = case.pick(list(batches))
        case.note("batch of", len(asked), "as", how)
        hits = rv.hybrid(frame, batches[how](), **arguments)
        numbers = [q for q, text in enumerate(asked)
                   for _ in _expected(values, text, k, allowed)]  # fmt: skip
        require(values_of(hits, "query_row").tolist() == numbers, "query rows", str(asked))
    want = [row for text in asked for row in _expected(values, text, k, allowed)]
    rows = values_of(hits, "row").tolist()
    require(rows == [w[0] for w in want], "rows of hybrid", f"{asked}: {rows}, not {want}")
    for column, place in (("bm25_score", 1), ("cosine_similarity", 2), ("fused_score", 3)):
        got = values_of(hits, column).astype(np.float64)
        model = np.array([w[place] for w in want], np.float64)
        model[np.isinf(model)] = np.nan
        close = np.allclose(got, model, rtol=1e-5, atol=1e-6, equal_nan=True)
        require(close, column, f"{asked}: {got}, not {model}")
