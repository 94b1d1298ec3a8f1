"""The measuring instruments themselves: the generator, the judge of recall, the report."""

from __future__ import annotations

import hashlib
import pathlib
import sys
from typing import Any

import numpy as np
import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "benchmarks"))

import brute_force
import kernels
import mapped
import readme
import report
import words
from clustered import clustered
from neighbours import Neighbours


def test_the_generator_gives_unit_rows_and_the_same_ones_for_the_same_seed() -> None:
    rows, queries = clustered(500, 20, 48, clusters=10)
    assert rows.shape == (500, 48) and queries.shape == (20, 48)
    assert rows.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(rows, axis=1), 1, atol=1e-6)
    again, _ = clustered(500, 20, 48, clusters=10)
    assert hashlib.sha256(rows.tobytes()).digest() == hashlib.sha256(again.tobytes()).digest()
    other, _ = clustered(500, 20, 48, clusters=10, seed=21)
    assert (rows != other).any()


def test_the_generator_makes_clusters_around_a_mean_that_is_not_zero() -> None:
    rows, _ = clustered(3000, 1, 96, clusters=30)
    assert np.linalg.norm(rows.mean(axis=0)) > 0.2
    similar = rows[:200] @ rows.T
    similar[np.arange(200), np.arange(200)] = -1
    assert similar.max(axis=1).mean() > similar.mean() + 0.3


def test_queries_are_no_rows() -> None:
    rows, queries = clustered(2000, 50, 64, clusters=20)
    assert (queries @ rows.T).max() < 0.9999


def test_brute_force_is_a_full_sort() -> None:
    random = np.random.default_rng(4)
    rows = random.standard_normal((300, 16), dtype=np.float32)
    queries = random.standard_normal((250, 16), dtype=np.float32)
    full = np.argsort(-(queries @ rows.T), axis=1, kind="stable")[:, :7]
    np.testing.assert_array_equal(brute_force.best(rows, queries, 7), full)


def test_recall_counts_what_belongs_and_nothing_else() -> None:
    random = np.random.default_rng(5)
    rows = random.standard_normal((200, 8), dtype=np.float32)
    queries = random.standard_normal((30, 8), dtype=np.float32)
    found = brute_force.best(rows, queries, 10)
    assert brute_force.recall(rows, queries, found, 10) == 1.0
    worst = np.argsort(queries @ rows.T, axis=1)[:, :10]
    assert brute_force.recall(rows, queries, worst, 10) == 0.0
    found[:, 5:] = -1
    assert brute_force.recall(rows, queries, found, 10) == 0.5
    found[:, 1:] = found[:, :1]
    assert brute_force.recall(rows, queries, found, 10) == pytest.approx(0.1)


def test_rows_that_tie_with_the_last_neighbour_count() -> None:
    rows = np.array([[1, 0], [1, 0], [0, 1]], np.float32)
    queries = np.array([[1, 0]], np.float32)
    for row in (0, 1):
        assert brute_force.recall(rows, queries, np.array([[row]]), 1) == 1.0
    assert brute_force.recall(rows, queries, np.array([[2]]), 1) == 0.0


def test_a_ratio_below_one_is_called_a_loss() -> None:
    assert report.ratio(1.0, 12.34) == "12.3x"
    assert report.ratio(2.0, 1.0) == "0.50x (loss)"


@pytest.mark.parametrize(
    ("line", "case", "tier", "rate"),
    [
        ("BenchmarkScan/d=384/L2/avx2-2  \t 100\t 9 ns/op\t 577.5 Mrows/s", "L2", "avx2", 577.5),
        ("BenchmarkScan/d=1024/DRAM/pure \t 7\t 9 ns/op\t 2.1 Mrows/s", "DRAM", "pure", 2.1),
    ],
)  # fmt: skip
def test_rates_are_read_from_the_output_of_go(line: str, case: str, tier: str, rate: float) -> None:
    match = kernels.LINE.match(line)
    assert match is not None
    assert match[1].endswith(case)
    assert (match[2], float(match[3])) == (tier, rate)


def test_a_report_names_the_machine_and_marks_losses() -> None:
    row: dict[str, Any] = {
        "kind": "flat", "bits": 5, "rows": 1000, "dim": 64, "target": 0.95, "recall": 0.999,
        "single_seconds": 1e-3, "numpy_single_seconds": 5e-3, "batch_seconds": 0.2,
        "numpy_batch_seconds": 0.1, "build_seconds": 0.5, "bytes_per_row": 60.0,
        "borrowed_bytes_per_row": 256.0,
    }  # fmt: skip
    text = report.table(
        {
            "machine": {
                "cpu": "A CPU", "cores": 2, "backend": "avx2", "python": "3.11", "numpy": "2.4",
                "numpy_blas": ["openblas"], "ruvector": "0.1.0", "commit": "abc",
                "date": "2026-01-01", "cores_used_by_others": None,
            },
            "search": [row],
            "kernels": [{"case": "x", "pure": 2.0, "avx2": 40.0}, {"case": "y", "pure": 1.0}],
            "overhead": [
                {"kind": "exact", "rows": 9, "dim": 4, "go": 10.0, "boundary": 12.0, "index": 15.5}
            ],
            "startup": {"import": 0.01, "first_verb": 0.005, "yardstick": 0.004},
        }
    )  # fmt: skip
    assert "A CPU, 2 cores, backend avx2" in text
    assert "| 5.0x |" in text and "0.50x (loss)" in text
    assert "| x | 2.0 | 40.0 | 20x |" in text and "not available" in text
    assert "| 15.5 | 5.5 |" in text and "an unknown share of the machine" in text


def test_a_new_run_replaces_the_tables_of_the_readme_and_nothing_else() -> None:
    before = "One run of `make bench` (old\nmachine).\n\n| a |\n|---|\n| 1 |\n\n"
    before += "text\n\n| own |\n| x |\n"
    machine: dict[str, Any] = {"cpu": "A CPU", "cores": 2, "backend": "avx2", "date": "2026-01-01"}
    machine["cores_used_by_others"] = 0.25
    after = readme.refresh(before, "# R\n\n| a |\n|---|\n| 2 |\n| 3 |\n", machine)
    said = "One run of `make bench` (A CPU, 2 cores, avx2, 2026-01-01;\n"
    said += "other processes used 0.2 cores meanwhile)."
    assert after == said + "\n\n| a |\n|---|\n| 2 |\n| 3 |\n\ntext\n\n| own |\n| x |\n"


@pytest.mark.skipif(not pathlib.Path("/proc/stat").exists(), reason="reads Linux's /proc/stat")
def test_our_own_work_is_not_counted_as_the_neighbours() -> None:
    with Neighbours() as others:
        sum(range(3_000_000))
    assert others.cores is not None and others.cores >= 0.0


def test_the_words_of_a_few_texts_are_measured_beside_the_peer() -> None:
    lines = words.measure(300)  # which compares the scores of both
    assert lines[0].startswith("300 texts, ")
    assert [line.split("|")[1].strip() for line in lines[4:]] == [
        "build, texts/s", "one query, ms", "1,000 queries, ms each",
    ]  # fmt: skip
    assert words.texts_of(5) == words.texts_of(5)


def test_a_mapped_index_and_one_that_was_read_are_asked_in_fresh_processes(
    tmp_path: pathlib.Path,
) -> None:
    index, vectors = mapped.written(tmp_path, 12_000, 24)
    for way in (True, False):
        found = mapped.asked(index, vectors, way, 1)
        assert 0 < found["first_query_ms"]["least"] <= found["answer_ms"]["worst"] < 60_000
