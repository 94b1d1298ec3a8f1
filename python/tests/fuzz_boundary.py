"""Random calls of the library: fuzz_boundary.py arguments|structs|options SEED ROUNDS.

Memory that is handed over is real and large enough for the shapes used; everything else (handles,
counts, flags, formats, missing pointers) is random. Ends with status 1 for an exception that is
none of ours, for a leak, or for a NativeError, which is a panic that was caught.
"""

from __future__ import annotations

import ctypes
import random
import sys
from collections import Counter
from ctypes import addressof, byref
from typing import Any

import hand_made
import numpy as np

from ruvector import _native
from ruvector._errors import NativeError, RuVectorError
from ruvector._native import arrow as _arrow
from ruvector._native import library as _library
from ruvector._native import structs as _structs
from ruvector._native.words import build_words

VALUES = np.random.default_rng(1).normal(size=(40, 8)).astype(np.float32)
EDGES = [0, 1, -1, 2, 3, 7, 8, 39, 40, 41, 2**31, -(2**31), 2**62, -(2**63), 2**63 - 1]
ROOM = 1 << 16  # bytes of every scratch memory


FORMATS = [
    b"+w:8", b"+w:8", b"+w:4", b"+w:320", b"+l", b"+L", b"+vl", b"u", b"vu", b"f", b"l", b"+s",
    b"+w:-1", b"+w:", b"n", b"", None, b"+w:2147483648", b"tdD", b"+r",
]  # fmt: skip
OPTIONS = [
    "metric", "kind", "bits", "cells", "budget", "keep", "recall", "nulls", "bad", "seed",
    "threads",
]  # fmt: skip
SETTINGS = [
    "", "cosine", "l2", "flat", "exact", "ivf", "none", "copy", "skip", "error", -1, 0, 1, 5, 9, 10,
    2**63, 2**64, 0.5, 1e400, None, True, [], {}, "\N{SNOWMAN}",
]  # fmt: skip


class Calls:
    """Random arguments for every function that takes handles, counts and memory."""

    def __init__(self, rng: random.Random) -> None:
        self.rng = rng
        self.column = _native.column_from_matrix(VALUES)
        self.index = _native.build_from(self.column, None, {"kind": "flat"})
        self.ivf = _native.build_from(self.column, None, {"kind": "ivf", "cells": 5})
        self.exact = _native.build_from(self.column, [f"id {i}" for i in range(40)], {})
        self.words = build_words([f"text {i}" for i in range(40)])
        self.memory = [ctypes.create_string_buffer(ROOM) for _ in range(6)]
        self.made: list[int] = []
        self.lent: list[Any] = []

    def handle(self) -> int:
        """A handle of any type, or none."""
        built = (self.column, self.index, self.ivf, self.exact, self.words)
        known = [*(made.value for made in built), *self.made[-4:]]
        if self.rng.random() < 0.9:
            return self.rng.choice(known)
        return self.rng.choice([0, self.rng.randrange(64), self.rng.getrandbits(64)])

    def place(self) -> Any:
        """Scratch memory, now and then none."""
        return None if self.rng.random() < 0.1 else byref(self.rng.choice(self.memory))

    def small(self) -> int:
        """A count for which the scratch memory is large enough, or a negative one."""
        return self.rng.choice([0, 1, 2, 3, 7, 8, 39, 40, 41, -1, -(2**63)])

    def search(self) -> _structs.SearchParams:
        """Parameters of a search; sizes fit the memory, or are refused before it is touched."""
        rng, at = self.rng, lambda i: None if rng.random() < 0.03 else addressof(self.memory[i])
        kind = rng.choice([0, 0, 1, 2, 2, 3, -1])
        return _structs.SearchParams(
            size=rng.choice([0, 8, 1000, *[ctypes.sizeof(_structs.SearchParams)] * 20]),
            threads=rng.choice([0, 1, 2, -1, 2**31 - 1]), queries=at(0), nq=self.small(),
            dim=rng.choice([8, 8, 8, 8, *EDGES]), k=self.small(), rerank=rng.choice(EDGES),
            probes=rng.choice([0, 0, *EDGES]),
            epsilon0=rng.choice([0, 1.9, -1, float("nan"), float("inf")]),
            recall=rng.choice([0, 0.9, 0.95, 1, -1, 2, float("nan")]),
            filter=addressof(self.ids()) if kind == 2 else at(1),
            filter_len=rng.choice([40, 40, self.small()]),
            filter_kind=kind, source=rng.choice([0, 0, self.handle()]),
            ids=at(2), scores=at(3), counts=at(4), plan=at(5),
        )  # fmt: skip

    def ids(self) -> _structs.Values:
        """Ids over the scratch memory: their numbers and offsets are what lies there."""
        rng, at = self.rng, lambda i: None if rng.random() < 0.03 else addressof(self.memory[i])
        forms = [b"l", b"L", b"U", b"U", b"x", b"", None]
        values = _structs.Values(rng.choice(forms), at(1), at(2), self.small(), self.small())
        self.lent.append(values)  # a task may read it after the call
        return values

    def wide(self) -> int:
        """What numbers are: float64 (1) or float32."""
        return self.rng.choice([0, 0, 1, 2, -1])

    def build(self) -> _structs.BuildParams:
        """Options of a build, over ids that may not fit its column."""
        rng = self.rng
        params = _structs.BuildParams(
            size=rng.choice([0, 8, 1000, *[ctypes.sizeof(_structs.BuildParams)] * 20]),
            ids=rng.choice([None, addressof(self.ids())]), threads=rng.choice([0, 1, -1]),
            metric=rng.choice([None, b"l2", b"hamming", b""]),
            kind=rng.choice([None, b"flat", b"ivf", b"x"]), keep=rng.choice([None, b"copy", b"y"]),
            skip_nulls=rng.choice([0, 1, 7]), skip_bad=1, bits=rng.choice([0, 1, 9, *EDGES]),
            cells=rng.choice([0, 5, *EDGES]), budget=rng.choice(EDGES),
            recall=rng.choice([0, 0.9, -1, float("nan")]), seed=rng.getrandbits(64),
        )  # fmt: skip
        self.lent.append(params)
        return params

    def scores(self) -> list[Any]:
        """What is scored with what, and where to."""
        metric = self.rng.choice([None, b"l2", b"dot", b"hamming", b""])
        how = self.rng.choice([0, 1, 7]), self.rng.choice([0, 1, -1])
        return [self.handle(), self.handle(), metric, *how, self.place(), self.place()]

    def of_words(self, params: _structs.SearchParams, out: Any) -> list[tuple[str, list[Any]]]:
        """Calls about the words of texts."""
        texts, words = self.rng.choice([0, self.handle()]), [self.words.value, self.handle()]
        threads = self.rng.choice([0, 1, -1])
        return [
            ("rv_words_start", [texts, byref(self.ids()), threads, byref(out)]),
            ("rv_words_search_start", [
                self.rng.choice(words), byref(self.ids()), byref(params), byref(out),
            ]),
        ]  # fmt: skip

    def bundle(self) -> list[Any]:
        """A verb of bundles over what lies in the scratch memory; none that writes files."""
        choice = self.rng.choice
        return [
            choice([b"seal", b"compare", b"read", b"x", None]), choice([b"{}", None, *self.memory]),
            choice([0, 1, 2, -1]), choice(self.memory), choice([0, 1, 2, -1, ROOM]),
        ]  # fmt: skip

    def one(self) -> None:
        """Call one function."""
        rng, out = self.rng, ctypes.c_uint64(0)
        params = self.search()
        bytes_ = _structs.Bytes(size=ctypes.sizeof(_structs.Bytes))
        name, arguments = rng.choice([
            ("rv_info", [self.handle(), byref(bytes_)]),
            ("rv_column_copy", [self.handle(), self.place(), self.wide(), self.place()]),
            ("rv_column_hash", [self.handle(), self.place()]),
            ("rv_column_hash_rows", [self.handle(), rng.choice(EDGES), self.small(), self.place()]),
            ("rv_column_hash_start", [self.handle(), self.place(), byref(out)]),
            ("rv_pca_start", [self.handle(), rng.choice(EDGES), self.place(), byref(out)]),
            ("rv_scores", self.scores()),
            ("rv_scores_start", [*self.scores(), byref(out)]),
            ("rv_search", [self.handle(), byref(params)]),
            ("rv_search", [self.handle(), byref(params)]),
            ("rv_search_start", [self.handle(), byref(params), byref(out)]),
            ("rv_calibrate_start", [
                self.handle(), self.place(), self.small(), rng.choice([8, 8, *EDGES]),
                rng.choice([0, 1, -1]), byref(out),
            ]),
            ("rv_recall_start", [
                self.handle(), rng.choice(EDGES), rng.choice(EDGES),
                rng.choice([0, 0.5, 1, -1, float("nan")]), 1, self.place(), byref(out),
            ]),
            ("rv_encoding_start", [self.handle(), rng.getrandbits(32), byref(out)]),
            ("rv_bundle", [*self.bundle(), byref(bytes_)]),
            ("rv_decode_start", [self.memory[1], self.small(), byref(out)]),
            ("rv_build_start", [self.handle(), byref(self.build()), byref(out)]),
            *self.of_words(params, out),
            ("rv_index_lookup", [self.handle(), byref(self.ids()), self.place()]),
            ("rv_index_ids", [self.handle(), None, None]),
            ("rv_index_vectors", [
                self.handle(), self.place(), self.small(), self.place(), self.wide(),
            ]),
            ("rv_index_matrix", [self.handle(), self.small(), self.place(), self.wide()]),
            ("rv_index_vectors_of", [
                self.handle(), byref(self.ids()), self.place(), self.wide(),
            ]),
            ("rv_delete", [self.handle(), byref(self.ids()), 0, self.place()]),
            ("rv_compact_start", [self.handle(), rng.choice([0, 1, -1]), byref(out)]),
            ("rv_index_attach", [self.handle(), rng.choice([self.column.value, self.handle()])]),
            ("rv_task_wait", [self.handle(), rng.choice([0, 1, -5]), self.place()]),
            ("rv_task_progress", [self.handle(), self.place(), self.place()]),
            ("rv_task_cancel", [self.handle()]),
            ("rv_task_result", [self.handle(), byref(out)]),
            ("rv_free", [rng.choice([0, rng.randrange(8), *self.made[-2:]])]),
        ])  # fmt: skip
        try:
            _library.call(name, *arguments)
        except KeyboardInterrupt:  # the result of a cancelled task
            pass
        finally:
            if bytes_.release:
                _library._RELEASE_BYTES(bytes_.release)(byref(bytes_))
            if name == "rv_task_result":  # what a build or an encoding made; twice the same
                _library.library().rv_free(out.value, None)
            if name.endswith("_start") and out.value:
                self.keep(out.value)

    def keep(self, task: int) -> None:
        """Keep a task once it has ended, which its params must outlive; or free it, as most."""
        if self.rng.random() < 0.9:
            _library.call("rv_free", task)
        else:
            self.made.append(task)
            _library.call("rv_task_wait", task, 10_000, byref(ctypes.c_int32()))

    def close(self) -> None:
        """Free everything."""
        for handle in self.made:
            _library.library().rv_free(handle, None)
        for handle in (self.column, self.index, self.ivf, self.exact, self.words):
            handle.close()


class Structs:
    """Random values in the fields of well-made structs over real memory."""

    def __init__(self, rng: random.Random) -> None:
        self.rng = rng
        self.memory = np.zeros(ROOM, np.uint8)

    def one(self) -> None:
        """Import one spoilt column, use it if it was accepted, and count its releases."""
        rng = self.rng
        column = hand_made.Column(VALUES)
        column.child_buffers[0] = column.buffers[0] = column.buffers[2] = self.memory.ctypes.data
        offsets = np.array([rng.choice([8 * i, 8 * i, 8 * i, rng.randrange(-9, 400)])
                            for i in range(41)], np.int64)  # fmt: skip
        wide = rng.random() < 0.5
        kept = offsets if wide else offsets.astype(np.int32)
        column.buffers[1] = kept.ctypes.data
        if rng.random() < 0.5:
            column.schema.format = rng.choice(FORMATS)
        if column.schema.format in (b"+l", b"u", b"vu") and wide:
            column.schema.format = b"+L"
        if column.schema.format == b"+L" and not wide:
            column.schema.format = b"+l"
        if column.schema.format in (b"+l", b"+L"):
            column.array.n_buffers = 2
        for _ in range(rng.randrange(3)):
            target = rng.choice([column.array, column.child])
            field = rng.choice(["null_count", "offset", "n_buffers", "n_children", "length"])
            setattr(target, field, rng.choice(self._allowed(column, target, field)))
        if rng.random() < 0.05:
            column.child_schema.format = rng.choice([b"e", b"g", b"u", b"", None, b"l"])
            if column.child_schema.format == b"g":
                column.child.length = 160  # what the memory has room for
        try:
            self._use(column)
        finally:
            assert len(column.released) == 1, "released exactly once"
            assert len(column.schema_released) == 1

    def _allowed(self, column: Any, target: Any, field: str) -> list[int]:
        """Values for a field; a length that Arrow must believe may not pass the real memory."""
        if field == "n_buffers":
            return [0, 1, 2, 3, -1]
        if field in ("length", "offset") and target is column.child:
            return [0, 1, 160, -1, -(2**63)] if field == "length" else [0, -1, 2**63 - 1]
        if field in ("length", "offset"):
            return [0, 1, 7, 20, -1, -(2**63), 2**62, 2**63 - 1]
        return EDGES

    def _use(self, column: Any) -> None:
        handle = _native.Handle()
        handle.cell.value = column.give()
        handle.adopt()
        try:
            _native.column_matrix(handle)
            _native.column_hash(handle)
            _native.build_from(handle, None, {"nulls": "skip", "bad": "skip"}).close()
        finally:
            handle.close()


class Options:
    """Random options of a build."""

    def __init__(self, rng: random.Random) -> None:
        self.rng = rng
        self.column = _native.column_from_matrix(VALUES)

    def one(self) -> None:
        """Build with random options."""
        rng = self.rng
        options = {
            rng.choice([*OPTIONS, "other"]): rng.choice(SETTINGS) for _ in range(rng.randrange(4))
        }
        _native.build_from(self.column, None, options).close()

    def close(self) -> None:
        """Free the column."""
        self.column.close()


def main() -> int:
    """Run the loop and say what came of it."""
    what, seed, rounds = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    print(f"seed {seed}, {rounds} rounds of {what}")
    target = {"arguments": Calls, "structs": Structs, "options": Options}[what]
    loop: Any = target(random.Random(seed))
    outcomes: Counter[str] = Counter()
    for i in range(rounds):
        try:
            loop.one()
            outcomes["done"] += 1
        except NativeError as error:
            print(f"round {i}: {error}")
            return 1
        except RuVectorError as error:
            outcomes[type(error).__name__] += 1
    if hasattr(loop, "close"):
        loop.close()
    _library.call("rv_free", 0)
    _arrow.collect()
    print(dict(outcomes))
    left = _native.live_structs(), _arrow.kept(), _native.library_info()["handles"]
    print(f"left: {left}")
    return int(left != (0, 0, 0) or outcomes["done"] < rounds // 100)


if __name__ == "__main__":
    sys.exit(main())
