"""What `recommend` says of a data set is what builds of it show: bytes and recall.

Seconds are compared by ``checks/recommend.py``, for they depend on what else the machine does.
"""

from __future__ import annotations

import numpy as np
import pytest
from recommend_shapes import SHAPES, Shape

import ruvector as rv
from ruvector._recommend.truth import Truth

pytestmark = pytest.mark.long

RECALL_WITHIN = 0.02
BYTES_WITHIN = 0.03
MODELLED_BYTES_WITHIN = 0.06  # of cells, whose last blocks are more or less full
QUERIES = 800


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_bytes_and_recall_are_those_of_builds(shape: Shape) -> None:
    rows = shape.vectors()
    advice = rv.recommend(rows, metric=shape.metric)
    assert advice.source == "measured"
    asked = np.random.default_rng(5).permutation(len(rows))[:QUERIES]
    truth = Truth(rows, shape.metric, asked, None, 10)
    for said in advice.table:
        with rv.Index.build(rows, metric=shape.metric, **said.params) as index:
            info = index.info()
            assert said.index_bytes == pytest.approx(info["index_bytes"], rel=BYTES_WITHIN), said
            assert said.borrowed_bytes == info["borrowed_bytes"], said
            assert (said.kind, said.bits, said.cells) == (
                info["kind"], info["bits"], info["cells"],
            )  # fmt: skip
            answer = index.search(rows[asked], 11, recall=min(said.aim, 0.99))
            found = truth.recall(answer.ids, answer.counts)[0]
            assert abs(said.recall - found) <= RECALL_WITHIN, f"{said.label}: {found}"
            assert said.recall_low <= said.recall <= said.recall_high


@pytest.mark.parametrize("shape", [SHAPES[1], SHAPES[9]], ids=str)
def test_a_small_sample_tells_the_recall_of_all_rows(shape: Shape) -> None:
    """Clusters that a sample thins out are not seen in it: such data need a larger sample."""
    rows = shape.vectors()
    advice = rv.recommend(rows, metric=shape.metric, sample=2_000)
    assert advice.sample == 2_000
    for said in advice.table:
        if said.keep == "none" and said.bits < 8:
            continue
        with rv.Index.build(rows, metric=shape.metric, keep="auto", **_without_keep(said)) as index:
            assert index.memory_bytes == pytest.approx(said.index_bytes, rel=BYTES_WITHIN)
            if said.keep == "auto":
                report = index.recall(10, 400)
                assert abs(said.recall - report.mean) <= 0.03, f"{said.label}: {report.mean}"


def _without_keep(said: rv.Candidate) -> dict[str, object]:
    return {name: value for name, value in said.params.items() if name != "keep"}


@pytest.mark.parametrize("dim", [1, 64, 100])
@pytest.mark.parametrize("rows", [1, 33, 1_000, 4_000])
def test_the_model_counts_bytes_as_the_engine_does(rows: int, dim: int) -> None:
    vectors = np.random.default_rng(rows + dim).standard_normal((rows, dim), dtype=np.float32)
    for metric in ("cosine", "l2"):
        for said in rv.recommend(rows, dim, metric=metric).table:
            cells = said.kind == "ivf"
            if cells and (metric == "l2" or dim == 1):
                continue  # the sum is the same; one dimension has rows for few cells
            with rv.Index.build(vectors, metric=metric, **said.params) as index:
                info = index.info()
                within = MODELLED_BYTES_WITHIN if cells else 0
                assert said.index_bytes == pytest.approx(info["index_bytes"], rel=within), said
                assert said.borrowed_bytes == info["borrowed_bytes"]
                assert said.cells == info["cells"]
