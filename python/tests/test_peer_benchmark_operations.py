"""The comparison of operations with peers: masks, judges, arithmetic and what the report says."""

from __future__ import annotations

import pathlib
from typing import Any

import numpy as np
import pytest
from peer_examples import SEED, full_sort, rows_and_queries
from peers.operations import __main__ as operations_main
from peers.operations import cases, figures, judged, measured, table
from peers.operations.adapters.operation import Changing, Filtered, NotOffered
from peers.operations.figures import Operations
from peers.records import Point, Result, SetResults

MACHINE = {
    "cpu": "A CPU", "features": ["avx2"], "cores": 2, "memory_gib": 8.0, "system": "Linux x86_64",
    "python": "3.11.7", "commit": "abc", "date": "2026-01-01", "threads": 2,
}  # fmt: skip
SCALE = {
    "rows": 1000, "dim": 8, "data": "synth100k", "source": "a formula", "seeds": {"masks": 31},
}  # fmt: skip

# Masks and judges.


def test_masks_have_their_share_of_rows_and_are_the_same_again() -> None:
    made = judged.masks(5000, 0.01, 3)
    assert made.sum(axis=1).tolist() == [50] * 3
    assert (made[0] != made[1]).any()
    np.testing.assert_array_equal(made, judged.masks(5000, 0.01, 3))
    assert judged.masks(5000, 0.0001, 1).sum() == 10  # k can always be found


def test_truth_under_a_mask_is_a_full_sort_of_eligible_rows() -> None:
    rows, queries = rows_and_queries(400, 12)
    (mask,) = judged.masks(400, 0.1, 1)
    ids, distances = judged.among(rows, queries, mask)
    eligible = np.flatnonzero(mask)
    np.testing.assert_array_equal(ids, eligible[full_sort(rows[mask], queries, 20)])
    assert (np.diff(distances, axis=1) >= 0).all()


def test_a_row_is_not_its_own_neighbour_in_truth_and_answers() -> None:
    rows, _ = rows_and_queries(300, 8)
    known = judged.neighbours(rows, 50)
    assert not (known["ids"] == known["sample"][:, None]).any()
    asked = np.hstack([known["sample"][:, None], known["ids"][:, :15]])
    np.testing.assert_array_equal(
        measured.without_itself(asked, known["sample"]), known["ids"][:, :15]
    )


def test_rows_that_go_are_none_that_are_replaced() -> None:
    rows, queries = rows_and_queries(700, 8)
    scale = judged.SHORT._replace(rows=500, appends=((1, 50), (50, 3)))
    known = judged.changed(rows, queries, scale)
    assert known["gone"].tolist() == sorted(set(known["gone"].tolist())) and len(known["gone"]) == 7
    assert not np.intersect1d(known["gone"], known["replaced"]).size
    assert not np.isin(known["deleted_ids"], known["gone"]).any()
    assert known["built_ids"].max() < 500 <= known["appended_ids"].max()


# Measuring.


class Brute(Filtered, Changing):
    """An exact index that can be filtered, and changed as far as `lacks` allows."""

    lacks: tuple[str, ...] = ()
    ghosts = False

    def build(self, rows: Any, threads: int) -> None:
        self._rows, self._mask = rows, np.ones(len(rows), np.bool_)

    def know(self, known: Any) -> None:
        self._known = known

    def tune(self, threads: int, **settings: Any) -> None:
        self._threads = threads

    def choose(self, mask: Any) -> None:
        self._mask = mask

    def many(self, queries: Any) -> Any:
        far = ((self._rows[None] - queries[:, None]) ** 2).sum(axis=2)
        far[:, ~self._mask] = np.inf
        return np.argsort(far, axis=1)[:, :10]

    def _may(self, verb: str) -> None:
        if verb in self.lacks:
            raise NotOffered(f"not available: no {verb}")

    def append(self, rows: Any) -> None:
        self._may("append")
        self._rows = np.vstack([self._rows, rows])
        self._mask = np.append(self._mask, np.ones(len(rows), np.bool_))

    def delete(self, ids: Any) -> None:
        self._may("delete")
        if not self.ghosts:
            self._mask[ids] = False

    def save(self, path: str) -> None:
        pathlib.Path(path).write_bytes(bytes(self._rows.nbytes))

    def version(self, distribution: str) -> str:
        return "1"


def records_of_updates(peer: Brute) -> list[dict[str, Any]]:
    rows, queries = rows_and_queries(700, 8)
    scale = judged.SHORT._replace(rows=500, appends=((1, 50), (50, 3)))
    known = judged.changed(rows, queries, scale)
    data = measured.DataSet(rows, queries, known["built_ids"], known["built_distances"], {})
    variant = measured.Variant("brute", "f", "-", "numpy", {}, ({},))
    return list(measured.updates(peer, data, known, scale.appends, variant, 1, {"batch"}, 500))


def test_an_exact_index_stays_exact_through_all_changes() -> None:
    found = figures.updated("brute", "f", records_of_updates(Brute(8, "l2")))
    assert found is not None and found.returned == 0
    assert {s: r.points[0].recall for s, r in found.searched.items()} == {
        "built": 1.0, "appended": 1.0, "deleted": 1.0,
    }  # fmt: skip
    assert found.disk == {"built": 500 * 32, "appended": 700 * 32, "deleted": 700 * 32}
    changes = {c.name: c for c in found.changes}
    assert (changes["append 1"].calls, changes["append 50"].calls) == (50, 3)
    assert (changes["append 1"].row_us or 0) > 0 and changes["compact"].lacking == "no compaction"


def test_deleted_rows_that_come_back_are_counted() -> None:
    peer = Brute(8, "l2")
    peer.ghosts = True
    found = figures.updated("brute", "f", records_of_updates(peer))
    assert found is not None and (found.returned or 0) > 0


def test_nothing_is_told_of_what_follows_a_change_that_is_not_offered() -> None:
    peer = Brute(8, "l2")
    peer.lacks = ("append",)
    found = figures.updated("brute", "f", records_of_updates(peer))
    assert found is not None and list(found.searched) == ["built"]
    assert [c.lacking for c in found.changes] == ["not available: no append"]
    peer = Brute(8, "l2")
    peer.lacks = ("delete",)
    found = figures.updated("brute", "f", records_of_updates(peer))
    assert found is not None and list(found.searched) == ["built", "appended"]


def test_filters_are_judged_among_eligible_rows_with_one_mask_and_with_fresh_ones() -> None:
    rows, queries = rows_and_queries(500, 8)
    judge = {0.1: judged.filtered(rows, np.vstack([queries] * 3), 0.1)}
    data = measured.DataSet(rows, np.vstack([queries] * 3), judge[0.1][0].ids, np.empty(0), {})
    variant = measured.Variant("brute", "f", "-", "numpy", {}, ({},))
    kept = list(measured.filters(Brute(8, "l2"), data, judge, variant, 1, {"one"}))
    same, fresh = figures.filter_results("brute", "f", kept)
    assert (same[:3], fresh[:3]) == ((0.1, False, 50), (0.1, True, 50))
    assert same[3].points[0].recall == fresh[3].points[0].recall == 1.0
    assert (fresh[3].points[0].one or 0) > 0 and fresh[3].points[0].batch is None


def test_every_variant_of_the_short_form_exists() -> None:
    for part in cases.PARTS:
        names = [v.name for v in cases.for_part(part, judged.FULL)]
        assert len(set(names)) == len(names) and set(cases.SHORT[part]) <= set(names)


def test_only_sees_the_part_and_the_name() -> None:
    chosen = operations_main.options(["--only", "graph faiss"])
    assert operations_main.wanted("graph", "faiss-ivfflat", chosen)
    assert not operations_main.wanted("filters", "faiss-ivfflat", chosen)
    assert not operations_main.wanted("filters", "numpy-all", operations_main.options(["--short"]))


# The report.


def result(name: str, family: str, *points: Point) -> Result:
    return Result(name, family, "1.0", "avx2", 2.0, {}, None, 100.0, 0.0, [*points])


def filter_set(fresh: bool, ours: float, peer: float) -> SetResults:
    meta = {"share": 0.01, "fresh": fresh, "eligible": 10}
    batch = None if fresh else 10.0
    return SetResults(
        meta,
        [
            result("ruvector-flat", "ruvector", Point("recall=0.95", 0.99, one=ours, batch=batch)),
            result("faiss-flat", "faiss IDSelector", Point("", 1.0, one=peer, batch=batch)),
            result("numpy-kept", cases.KEPT, Point("", 1.0, one=9 * ours, batch=batch)),
        ],
        [],
    )


def updated(name: str, family: str, row_us: float, others: float = 0.0) -> figures.Updated:
    changes = [figures.Change("append 1", 1, 1000, row_us, row_us, 9 * row_us, others),
               figures.Change("compact", 9, 1, lacking="no compaction")]  # fmt: skip
    return figures.Updated(
        name, family, "1", "", 1.0, changes, {"built": 2**20}, {"built": None}, 0,
        {"built": result(name, family, Point("a", 0.96, one=5.0, batch=9.0))},
    )  # fmt: skip


def example() -> Operations:
    graph = [
        SetResults(
            {"building": True},
            [result("ruvector-ivf", "ruvector", Point("recall=0.95", 0.96, batch=90.0)),
             result("pynndescent", "pynndescent", Point("n=16", 0.97, batch=20.0))],
            [],
        ),
        SetResults(
            {"building": False},
            [result("ruvector-ivf", "ruvector", Point("recall=0.95", 0.96, batch=90.0)),
             result("by-row", cases.ONE_BY_ONE, Point("recall=0.95", 0.96, one=45.0))],
            [],
        ),
    ]  # fmt: skip
    return Operations(
        MACHINE,
        SCALE,
        [filter_set(False, 600.0, 100.0), filter_set(True, 50.0, 100.0)],
        [updated("ruvector-flat", "ruvector", 5.0), updated("rabitqlib-b7", "rabitqlib IVF", 20.0)],
        graph,
        [("graph lost", "no compiler")],
    )


def goal(run: Operations, begin: str, peer: str = "") -> list[str]:
    lines = [x for x in table.goals(run) if x.startswith("| " + begin) and peer in x]
    return [cell.strip() for cell in lines[0].strip("|").split("|")]


def test_goals_say_what_was_reached_and_what_was_missed() -> None:
    run = example()
    assert goal(run, "filter of 1 %, one mask, one", "faiss")[2:] == ["6.0x", "5x", "reached"]
    assert goal(run, "filter of 1 %, fresh")[2:] == ["0.50x (loss)", "5x", "missed"]
    assert goal(run, "append 1 a call")[1:] == ["rabitqlib-b7", "4.0x", "10x", "missed"]
    assert goal(run, "graph, building included, recall 0.95")[2:] == ["4.5x", "3x", "reached"]
    assert goal(run, "graph of an index, recall 0.95")[2:] == ["2.0x", "3x", "missed"]
    assert goal(run, "graph of an index, recall 0.99")[4] == "not measured"


def test_rows_that_were_kept_have_a_row_of_their_own_and_no_goal() -> None:
    cells = goal(example(), "filter of 1 %, one mask, one", cases.KEPT)
    assert cells[2:] == ["0.11x (loss)", "-", ""]


def test_losses_are_counted_and_what_was_not_measured_is_named() -> None:
    text = table.document(example())
    counted = sum("(loss)" in x for x in table.goals(example()) if x.startswith("|"))
    assert f"; {counted} of 12 rows are losses." in text and counted == 2
    assert "**Not measured:**\n\n- graph lost: no compiler" in text
    assert "- ruvector-flat, compact: no compaction" in text
    assert "A CPU, 2 cores (avx2)" in text and "masks 31" in text


@pytest.mark.parametrize(
    ("text", "said"),
    [("5.0x", "reached"), ("4.9x", "missed"), ("7.0x~", "reached"), ("0.90x (loss)", "missed"),
     ("we do not reach it (loss)", "missed"), ("only we do", "reached"), ("-", "not measured")],
)  # fmt: skip
def test_a_verdict_follows_from_the_ratio(text: str, said: str) -> None:
    assert table.verdict(text, 5.0) == said


def test_a_change_beside_others_is_marked() -> None:
    slow = updated("rabitqlib-b7", "rabitqlib IVF", 20.0, others=0.9)
    run = example()._replace(updates=[updated("ruvector-flat", "ruvector", 5.0), slow])
    assert goal(run, "append 1 a call")[2] == "4.0x~"
    text = table.document(run)
    assert "**Disturbed: 1 of 2 timings of changes.**" in text and "| 20.0~ |" in text
    assert "Disturbed" not in table.document(example())


def test_building_counts_in_one_of_the_two_figures_of_a_graph() -> None:
    head = {"record": "build", "seconds": 3.0, "stages": {}, "peak_bytes": None, "disk_bytes": 0,
            "borrowed_bytes": 0, "rows": 100, "others": 0.0, "version": "1",
            "backend": ""}  # fmt: skip
    made = {"record": "point", "settings": {"a": 1}, "recall": 0.9, "seconds": 1.0, "others": 0.0}
    pair = figures.graph_results("v", "f", 100, [head, made])
    assert pair is not None
    assert [one.points[0].batch for one in pair] == [25.0, 100.0]
    assert figures.graph_results("v", "f", 100, [head]) is None


def test_operations_are_read_as_written(tmp_path: pathlib.Path) -> None:
    print(f"seed {SEED}")
    figures.write(tmp_path / "operations.json", example())
    assert figures.read(tmp_path / "operations.json") == example()
