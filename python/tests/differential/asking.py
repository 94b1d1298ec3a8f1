"""The verbs that ask an index, each compared with the model."""

from __future__ import annotations

from typing import Any

import numpy as np

import ruvector as rv

from .drawing import Case, require
from .filters import draw_mask, spell_mask
from .judging import Asked
from .model import BITS, NAMES
from .subject import Subject, refuses

ABSENT = {object: None, np.int64: -1, np.uint64: 2**64 - 1}


def _filter(s: Subject, arguments: dict[str, Any]) -> np.ndarray:
    """Add a filter to the arguments, or none; return who may be found."""
    case, model = s.case, s.model
    n = len(model)
    everyone = np.ones(n, bool)
    how = case.weigh({"none": 5, "where": 0 if model.changed else 2, "ids": 2, "both": 0.4})
    if how == "both" and model.changed:
        how = "ids"
    if how in ("where", "both"):
        mask = draw_mask(case, n)
        arguments["where"] = spell_mask(case, mask)
        everyone &= mask
    if how in ("ids", "both"):
        chosen = case.some(model.ids, n)
        if chosen and case.chance(0.2):
            chosen.append(chosen[0])
        arguments["ids"] = s.names.spell(chosen)
        there = set(chosen)
        everyone &= np.array([name in there for name in model.ids], bool)
    return everyone


def _accept(s: Subject, call: Any, queries: np.ndarray) -> rv.SearchResult | None:
    """Return the answer; None when the query is refused for a size that may be refused."""
    try:
        return call()
    except rv.InvalidVector:
        if s.strange(queries.reshape(-1, s.model.x.shape[1])):
            return None
        raise


def _judge(asked: Asked, ids: Any, scores: Any, k: int, exact: bool) -> None:
    if exact:
        asked.is_nearest(ids.tolist(), scores, k)
    else:
        asked.is_plausible(ids.tolist(), scores, k)


def _strictness(s: Subject, arguments: dict[str, Any]) -> bool:
    case = s.case
    exact = s.exact
    how = case.weigh({"plain": 6, "recall": 2, "rerank": 1, "probes": 0.5})
    if how == "recall":
        arguments["recall"] = 1.0
        exact = s.vectors
    elif how == "rerank":
        arguments["rerank"] = case.pick([0, 0, 1, 5, 1000])
        exact = False
    elif how == "probes":
        arguments["probes"] = case.whole(1, 5)
        exact = s.bits or s.index.kind == "exact" or (exact and s.index.kind == "flat")
    return exact or s.bits


def _draw_k(s: Subject) -> int:
    n = len(s.model)
    return s.case.pick([0, 1, 1, 2, 3, 5, 10, n, n + 3])


def search_one(s: Subject) -> None:
    """``ix.search(vector)``: exactly the rows found, in 1-D arrays."""
    arguments: dict[str, Any] = {}
    given, query = s.query()
    k, allowed, exact = _draw_k(s), _filter(s, arguments), _strictness(s, arguments)
    s.case.note("search", f"k={k}", {k: v for k, v in arguments.items() if np.isscalar(v)})
    found = _accept(s, lambda: s.index.search(given, k, **arguments), query)
    if found is None:
        return
    asked = Asked(s.model, query, allowed)
    require(found.ids.ndim == 1 and found.scores.shape == found.ids.shape, "shape of one answer")
    require(found.ids.dtype == s.names.dtype(), "type of ids", str(found.ids.dtype))
    require(found.counts.tolist() == [len(found.ids)], "counts of one answer")
    require(found.score_name == NAMES[s.model.metric], "name of scores", found.score_name)
    if s.index.kind == "ivf" and "probes" in arguments:
        asked.is_plausible(found.ids.tolist(), found.scores, None)
        return
    _judge(asked, found.ids, found.scores, k, exact)
    _same_as_hits(s.case, found)
    if s.case.chance(0.15):
        again = s.index.search(given, k, threads=s.case.whole(1, 3), **arguments)
        batch = s.index.search(query[None, :], k, **arguments)
        one = found.ids.tolist(), found.scores.tolist()
        same = one == (again.ids.tolist(), again.scores.tolist())
        require(same, "another answer on other threads", f"{found} {again}")
        count = int(batch.counts[0])
        alone = batch.ids[0, :count].tolist(), batch.scores[0, :count].tolist()
        require(one == alone, "another answer in a batch", f"{found} {batch}")


def _same_as_hits(case: Case, found: rv.SearchResult) -> None:
    if not case.chance(0.2):
        return
    hits = found.hits()
    require([hit.id for hit in hits] == found.ids.tolist(), "ids of hits")
    require([hit.score for hit in hits] == found.scores.tolist(), "scores of hits")
    frames = (found.to_pandas(), found.to_polars(), found.to_arrow().to_pandas())
    for frame in frames:
        require(list(frame["id"]) == found.ids.tolist(), "ids of a frame of the answer")
        scores = list(frame[found.score_name])
        require(scores == found.scores.tolist(), "scores of a frame of the answer")


def search_batch(s: Subject) -> None:
    """``ix.search(matrix)``: a row of k cells for each query, the absent ones marked."""
    arguments: dict[str, Any] = {}
    given, queries = s.batch()
    k, allowed, exact = _draw_k(s), _filter(s, arguments), _strictness(s, arguments)
    s.case.note("search batch", len(queries), f"k={k}")
    found = _accept(s, lambda: s.index.search(given, k, **arguments), queries)
    if found is None:
        return
    nq = len(queries)
    require(found.ids.ndim == 2 and len(found.ids) == nq, "shape of a batch", str(found.ids.shape))
    require(found.scores.shape == found.ids.shape, "shape of scores of a batch")
    require(found.ids.dtype == s.names.dtype(), "type of ids", str(found.ids.dtype))
    require(found.counts.shape == (nq,), "shape of counts")
    loose = s.index.kind == "ivf" and "probes" in arguments
    for i, count in enumerate(found.counts.tolist()):
        _absent(s, found.ids[i, count:], found.scores[i, count:])
        asked = Asked(s.model, queries[i], allowed)
        ids, scores = found.ids[i, :count], found.scores[i, :count]
        if loose:
            asked.is_plausible(ids.tolist(), scores, None)
        else:
            _judge(asked, ids, scores, k, exact)


def _absent(s: Subject, ids: np.ndarray, scores: np.ndarray) -> None:
    absent = ABSENT[s.names.dtype()]
    require(all(name == absent for name in ids.tolist()), "fill of absent ids", repr(ids))
    require(np.isnan(scores).all(), "fill of absent scores", repr(scores))


def search_id(s: Subject) -> None:
    """``ix.search(id=...)``: like this row, itself left out."""
    model = s.model
    rows = np.flatnonzero(model.valid & (model.moved == 0))
    if not len(rows):
        return
    k = _draw_k(s)
    row = int(s.case.pick(rows.tolist()))
    name = model.ids[row]
    arguments: dict[str, Any] = {}
    allowed, exact = _filter(s, arguments), _strictness(s, arguments)
    s.case.note("search id", name, f"k={k}")
    if not s.vectors:
        refuses(lambda: s.index.search(id=name, k=k), rv.InvalidArgument, "id= without vectors")
        return
    allowed[row] = False
    found = _accept(s, lambda: s.index.search(id=name, k=k, **arguments), model.x[row])
    if found is not None:
        asked = Asked(model, model.x[row], allowed)
        loose = s.index.kind == "ivf" and "probes" in arguments
        if loose:
            asked.is_plausible(found.ids.tolist(), found.scores, None)
        else:
            _judge(asked, found.ids, found.scores, k, exact)


def search_ids(s: Subject) -> None:
    """``ix.search(id=[...])``: a batch, each row left out of its own answer."""
    model, k = s.model, s.case.pick([1, 3, 10])
    rows = np.flatnonzero(model.valid & (model.moved == 0)).tolist()
    if not rows or not s.vectors:
        return
    chosen = [s.case.pick(rows) for _ in range(3)]
    names = [model.ids[row] for row in chosen]
    s.case.note("search ids", f"k={k}")
    given = s.names.spell(names)
    found = _accept(s, lambda: s.index.search(id=given, k=k, recall=1.0), model.x[chosen])
    if found is None:
        return
    require(found.query_ids.tolist() == names, "query_ids of search(id=[...])")
    for i, row in enumerate(chosen):
        allowed = np.ones(len(model), bool)
        allowed[row] = False
        count = int(found.counts[i])
        ids, scores = found.ids[i, :count], found.scores[i, :count]
        Asked(model, model.x[row], allowed).is_nearest(ids.tolist(), scores, k)


def within_batch(s: Subject) -> None:
    """``ix.within(matrix)``: each query's own number of rows."""
    case, model = s.case, s.model
    given, queries = s.batch()
    arguments: dict[str, Any] = {}
    allowed = _filter(s, arguments)
    asked = [Asked(model, query, allowed) for query in queries]
    edge = _threshold(s, asked[0]) if asked else 0.5
    with np.errstate(over="ignore"):
        if not np.isfinite(np.float32(edge)):
            return
    name = "min_similarity" if model.larger else "max_distance"
    limit = case.pick([None, None, 2])
    case.note("within batch", len(queries), f"{name}={edge!r}", f"limit={limit}")
    call = lambda: s.index.within(given, limit=limit, **{name: edge}, **arguments)  # noqa: E731
    found = _accept(s, call, queries)
    if found is None:
        return
    require(found.counts.shape == (len(queries),), "counts of within", str(found.counts))
    hits = found.hits()
    for i, one in enumerate(asked):
        count = int(found.counts[i])
        ids, scores = found.ids[i, :count], found.scores[i, :count]
        require([hit.id for hit in hits[i]] == ids.tolist(), "hits of within")
        if s.vectors:
            one.is_within(ids.tolist(), scores, edge, limit)
        else:
            one.is_plausible(ids.tolist(), scores, None)


def _threshold(s: Subject, asked: Asked) -> float:
    case = s.case
    scores = asked.scores.values[asked.best]
    scores = scores[np.isfinite(np.float32(scores))]
    if len(scores) and case.chance(0.8):
        edge = float(case.pick(scores.tolist()))
        if case.chance(0.4):
            edge = edge + case.pick([-0.1, 0.1, 0.5]) * abs(edge)
    else:
        edge = case.pick([0.0, 0.3, 1.0, 100.0])
    low, high = s.model.bounds()
    return min(max(edge, low), high)


def within(s: Subject) -> None:
    """``ix.within(...)``: all rows at least this similar, or at most this far."""
    case, model = s.case, s.model
    given, query = s.query()
    arguments: dict[str, Any] = {}
    asked = Asked(model, query, _filter(s, arguments))
    with np.errstate(over="ignore"):
        edge = _threshold(s, asked)
    if not np.isfinite(np.float32(edge)):
        return
    name, other = ("min_similarity", "max_distance")
    if not model.larger:
        name, other = other, name
    limit = case.pick([None, None, 1, 3, 1000])
    case.note("within", f"{name}={edge!r}", f"limit={limit}")
    if case.chance(0.1):
        call = lambda: s.index.within(given, **{other: edge})  # noqa: E731
        refuses(call, rv.MetricError, "threshold of the other kind")
    call = lambda: s.index.within(given, limit=limit, **{name: edge}, **arguments)  # noqa: E731
    found = _accept(s, call, query)
    if found is None:
        return
    require(found.ids.ndim == 1, "shape of within")
    if s.vectors:
        asked.is_within(found.ids.tolist(), found.scores, edge, limit)
    else:
        asked.is_plausible(found.ids.tolist(), found.scores, None)


def neighbors(s: Subject) -> None:
    """``ix.neighbors(k)``: every row's nearest others, in row order."""
    model, k = s.model, s.case.pick([0, 1, 3, 15])
    s.case.note("neighbors", f"k={k}")
    if not s.vectors:
        if not len(model):
            return
        refuses(lambda: s.index.neighbors(k), rv.InvalidArgument, "neighbors without vectors")
        return
    recall = s.case.pick([1.0, None])
    found = s.index.neighbors(k, recall=recall)
    require(found.query_ids is not None, "query_ids of neighbors")
    require(found.query_ids.tolist() == model.ids, "rows of neighbors", str(found.query_ids))
    rows = range(len(model))
    for row in s.case.random.sample(rows, min(6, len(rows))):
        count = int(found.counts[row])
        ids, scores = found.ids[row, :count], found.scores[row, :count]
        _absent(s, found.ids[row, count:], found.scores[row, count:])
        if not model.valid[row]:
            require(count == 0, "a null row has neighbours")
            continue
        allowed = np.ones(len(model), bool)
        allowed[row] = False
        asked = Asked(model, model.x[row], allowed)
        exact = s.exact or recall == 1.0
        _judge(asked, ids, scores, k, exact and model.moved[row] == 0)


def vectors_of(s: Subject) -> None:
    """``ix[id]``, ``np.asarray(ix)`` and ``len(ix)``."""
    model, index, case = s.model, s.index, s.case
    case.note("vectors")
    require(len(index) == len(model), "len", f"{len(index)}, not {len(model)}")
    if not s.vectors:
        if len(model):
            refuses(lambda: index[model.ids[0]], rv.InvalidArgument, "row without vectors")
        return
    every = np.asarray(index)
    require(every.shape[0] == len(model), "shape of asarray", str(every.shape))
    _same_vectors(s, every[model.valid], model.x[model.valid], "asarray")
    require(np.isnan(every[~model.valid]).all(), "null rows of asarray", str(every))
    rows = [int(row) for row in np.flatnonzero(model.valid)]
    if rows:
        row = case.pick(rows)
        _same_vectors(s, index[model.ids[row]], model.x[row], "row by id")
        several = [case.pick(rows) for _ in range(3)]
        got = index[s.names.spell([model.ids[row] for row in several])]
        _same_vectors(s, got, model.x[several], "rows by ids")


def _same_vectors(s: Subject, got: np.ndarray, expected: np.ndarray, check: str) -> None:
    require(got.shape == expected.shape, f"{check}: shape", f"{got.shape}")
    if s.bits:
        require((got == expected).all(), f"{check}: bits")
        return
    with np.errstate(over="ignore", under="ignore"):
        single = (got.astype(np.float32) == expected.astype(np.float32)).all()
    require(single, f"{check}: numbers", f"{got} {expected}")
    if got.dtype == np.float64 and s.model.moved.sum() == 0:
        require((got == expected).all(), f"{check}: float64 numbers", f"{got} {expected}")


def diverse(s: Subject) -> None:
    """``diversity=``: k eligible rows, unique, with the scores of a plain search."""
    given, query = s.query()
    if not s.vectors or s.model.metric in BITS:
        return
    k, share = _draw_k(s), s.case.pick([0.1, 0.5, 1.0])
    s.case.note("diversity", share, f"k={k}")
    call = lambda: s.index.search(given, k, diversity=share, recall=1.0)  # noqa: E731
    found = _accept(s, call, query)
    if found is None:
        return
    asked = Asked(s.model, query, np.ones(len(s.model), bool))
    rows = asked.rows_of(found.ids.tolist())
    wanted = min(k, len(asked.best))
    require(len(rows) == wanted, "number of diverse rows", f"{len(rows)}, not {wanted}")
    asked.has_scores(rows, found.scores)


def facts(s: Subject) -> None:
    """``info``, ``recall`` and the attributes: finite numbers that agree with the model."""
    index, model, case = s.index, s.model, s.case
    case.note("facts")
    told = index.info()
    require(told["rows"] == len(model), "rows of info", str(told["rows"]))
    require(told["metric"] == index.metric == model.metric, "metric of info")
    dim = model.x.shape[1] * (8 if s.bits else 1)
    require(told["dim"] == index.dim == dim, "dim of info", f"{told['dim']}, not {dim}")
    numbers = [value for value in told.values() if isinstance(value, float)]
    require(np.isfinite(numbers).all(), "info not finite", str(told))
    require(index.memory_bytes >= 0 and repr(index), "repr of an index")
    if s.vectors and model.valid.sum() > 1:
        report = index.recall(k=3, sample=10, recall=1.0)
        require(report.low <= report.mean <= report.high, "interval of recall", str(report))
        require(report.mean == 1.0, "recall of exact searches", str(report))


VERBS = {
    search_one: 6,
    search_batch: 3,
    search_id: 1.5,
    search_ids: 0.7,
    within: 3,
    within_batch: 1,
    neighbors: 1,
    vectors_of: 1.5,
    diverse: 0.7,
    facts: 0.5,
}


def ask(s: Subject) -> None:
    """Ask with one verb and compare."""
    require(len(s.index) == len(s.model), "len", f"{len(s.index)}, not {len(s.model)}")
    s.case.weigh(VERBS)(s)
