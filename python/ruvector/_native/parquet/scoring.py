"""Scoring rows of one parquet file into another: a part at a time.

A `Part` reads row groups of one file, searches with their vectors (or with vectors of their
texts), and writes one file. `look` tells what a file is; `Right` holds columns of matched rows.
"""

from __future__ import annotations

import ctypes
import json
import os
from collections.abc import Sequence
from ctypes import addressof, byref, c_void_p, sizeof
from types import TracebackType
from typing import Any, NamedTuple, Self

import numpy as np
import numpy.typing as npt

from ..._errors import FileError, IndexClosed, InvalidArgument, NativeError
from ..arrow import (
    _STREAM,
    ArrowArray,
    ArrowSchema,
    _pointer,
    address,
    collect,
    drop,
    machine,
    texts_of,
)  # fmt: skip
from ..handle import Handle, info
from ..library import call, call_for_bytes
from ..params import CLOSE_BOUNDS, allow
from ..structs import ScoreParams, SearchParams
from ..task import Task
from ..within import _GET_NEXT, _RELEASE, ArrowArrayStream

Source = str | bytes | bytearray | memoryview | npt.NDArray[np.uint8]
Constant = tuple[str, str, Any]

DIRECT = {"int64": int, "float64": float, "bool": bool}


class FileFacts(NamedTuple):
    """What a parquet file says of itself.

    ``groups`` has rows and compressed bytes of each row group; ``spans`` where its pages begin and
    end in the file; ``columns`` name, type and kind (``"vectors"``, ``"text"`` or ``"other"``) of
    each column at the top of the schema; ``fields`` their numbers in the table that the file is of,
    -1 where they have none; ``makers`` what the file says made each, unchecked; ``digest`` is the
    SHA-256 of length and footer.
    """

    rows: int
    groups: tuple[tuple[int, int], ...]
    spans: tuple[tuple[int, int], ...]
    columns: tuple[tuple[str, str, str], ...]
    fields: tuple[int, ...]
    digest: str
    created_by: str
    makers: tuple[str, ...]


class Counts(NamedTuple):
    """What a part did: rows read and written, rows read that were null, bytes of the file.

    The rest is summed over its searches: see `ruvector.Plan`.
    """

    rows_in: int
    rows_out: int
    nulls: int
    bytes: int
    queries: int
    cells_probed: int
    rows_scanned: int
    rows_coded: int
    rows_reranked: int
    queries_certified: int


def look(
    source: Source, *, limits: dict[str, int] | None = None, label: str | None = None
) -> FileFacts:
    """Return what a file says of itself; nothing but its footer is read.

    Raises
    ------
    PersistError, FileMissing
        It cannot be read, is damaged, or no parquet file.
    LimitExceeded
        It asks for more than the limits.
    """
    params, kept = _params(source, {"limits": limits or {}, "label": label or ""})
    try:
        found = json.loads(call_for_bytes("rv_score_look", byref(params)))
    except FileError as error:
        _name(error, source)
        raise
    del kept
    return FileFacts(
        found["rows"],
        tuple((rows, size) for rows, size in found["groups"]),
        tuple((begin, end) for begin, end in found["spans"]),
        tuple((name, kind, use) for name, kind, use in found["columns"]),
        tuple(found["fields"]),
        found["digest"],
        found["created_by"],
        tuple(found.get("embedders") or [""] * len(found["columns"])),
    )


class Right:
    """Columns with a row for each row of an index, written beside the rows that are found.

    ``table`` is anything with ``__arrow_c_stream__``, or its capsule, which is consumed. Its rows
    have the order of the index, or ``place`` (int64, one a row of the index) says which row
    belongs to each, -1 for none. Columns are flat. Any number of parts may use it at once.
    """

    __slots__ = ("_handle", "names")

    def __init__(
        self, table: Any, *, rows: int, place: npt.NDArray[np.int64] | None = None
    ) -> None:
        if hasattr(table, "__arrow_c_stream__"):
            table = table.__arrow_c_stream__()
        if place is not None:
            place = machine(np.asarray(place, np.int64))
            if place.shape != (rows,):
                raise InvalidArgument(f"places of shape {place.shape} for {rows} rows")
        self._handle = Handle()
        at = None if place is None else address(place)
        stream = _pointer(table, _STREAM)
        try:
            call("rv_right_import_stream", stream, rows, at, byref(self._handle.cell))
        finally:
            collect()
        self._handle.adopt()
        self.names: tuple[str, ...] = tuple(info(self._handle)["names"])

    def close(self) -> None:
        """Give the columns up; parts that are open keep them. More than once is fine."""
        self._handle.close()


class Part:
    """Rows of one parquet file that are scored into another. Use it from one thread at a time.

    Parameters
    ----------
    source : str or bytes-like
        The file to read: its path, or all its bytes.
    out : str
        Path of the file to write, which must not be there.
    index : Handle
        What is searched.
    on : str
        The column of vectors; with `text` of texts, for which vectors are given to `step`.
    groups : (first, n), optional
        Row groups; all when not given.
    columns : sequence of str, optional
        Columns of the input to write, in this order; all but `on` when not given.
    constants : sequence of (name, type, value)
        Columns of one value: ``"int64"``, ``"float64"``, ``"string"``, ``"bool"`` or ``"date32"``
        (a `datetime.date`, or text as ``2006-01-02``); None is null.
    names : four str
        What row, rank, id and score are called.
    right : Right, optional
        Columns of the rows that are found.
    least, most : float, optional
        Hits with scores below or above are not written.
    recall, rerank, probes, mask, threads
        As in `search_rows`.
    memory : int
        About how many bytes the part may hold.
    batch_rows : int
        Most rows at once; 0: as many as the memory allows.
    dim, dtype : optional
        What bytes of fixed length are.
    limits : dict, optional
        Of the file.
    label : str, optional
        What errors call the file; its path when not given.

    Raises
    ------
    ColumnError
        A column is missing, of the wrong kind, or two have one name.
    DimensionMismatch, LimitExceeded, PersistError, FileMissing
    """

    __slots__ = ("_handle", "_kept", "_out", "batch_rows", "dim", "first_row", "rows", "schema")

    def __init__(
        self,
        source: Source,
        out: str,
        *,
        index: Handle,
        k: int,
        on: str,
        names: tuple[str, str, str, str],
        text: bool = False,
        groups: tuple[int, int] | None = None,
        columns: Sequence[str] | None = None,
        constants: Sequence[Constant] = (),
        right: Right | None = None,
        least: float | None = None,
        most: float | None = None,
        recall: float | None = 0.0,
        rerank: int | None = CLOSE_BOUNDS,
        probes: int | None = 0,
        mask: npt.NDArray[Any] | None = None,
        threads: int | None = 0,
        memory: int = 1 << 30,
        batch_rows: int = 0,
        dim: int = 0,
        dtype: str = "",
        limits: dict[str, int] | None = None,
        label: str | None = None,
    ) -> None:
        first, n = (0, -1) if groups is None else groups
        options = {
            "label": label or "", "on": on, "text": text, "first": first, "groups": n,
            "columns": None if columns is None else list(columns),
            "constants": [_constant(*constant) for constant in constants],
            "names": list(names), "k": k, "least": least, "most": most, "memory": memory,
            "batch": batch_rows, "dim": dim, "dtype": dtype, "limits": limits or {},
        }  # fmt: skip
        search = SearchParams(
            size=sizeof(SearchParams), recall=recall or 0.0, probes=probes or 0,
            rerank=CLOSE_BOUNDS if rerank is None else rerank, threads=threads or 0,
        )  # fmt: skip
        lent = search, allow(search, mask)  # during the call
        params, self._kept = _params(source, options)
        params.search = addressof(lent[0])
        self._handle = self._opened(source, out, index, right, params)
        about = info(self._handle)
        self.rows: int = about["rows"]
        self.first_row: int = about["first_row"]
        self.dim: int = about["dim"]
        self.batch_rows: int = about["batch"]
        self.schema: str = about["schema"]

    def _opened(
        self, source: Source, out: str, index: Handle, right: Right | None, params: ScoreParams
    ) -> Handle:
        self._out, path = out, os.fsencode(out)
        params.out, params.out_len = path, len(path)
        beside = 0 if right is None else right._handle.value
        if not index.value or (right is not None and not beside):
            raise IndexClosed("the index, or what right= is, is closed")
        handle = Handle()
        try:
            call("rv_score_open", index.value, beside, byref(params), byref(handle.cell))
        except FileError as error:
            _name(error, out if out in str(error) else source)
            raise
        return handle.adopt()

    def run(self) -> Task:
        """Start to score all rows of a part of vectors; wait for the task, then ask its result."""
        task = Task()
        call("rv_score_run_start", self._open(), byref(task.cell))
        return task

    def texts(self, n: int) -> list[str | None]:
        """Return the texts of the next rows, at most `n`; none at the end."""
        task, answer = Task(), Handle()
        call("rv_score_texts_start", self._open(), n, byref(task.cell))
        task.wait()
        task.result(answer.cell)
        try:
            return _read_texts(answer.adopt())
        finally:
            answer.close()

    def step(self, vectors: npt.NDArray[Any]) -> None:
        """Score the rows of the last texts, with float32 vectors of those that are not None.

        A row of which every number is NaN has no vector, and counts as null.
        """
        rows = np.ascontiguousarray(vectors, np.float32)
        if rows.ndim != 2:
            raise InvalidArgument(f"vectors of {rows.ndim} dimensions; give rows of numbers")
        task = Task(lent=rows)
        call("rv_score_step_start", self._open(), address(rows), *rows.shape, byref(task.cell))
        task.wait()
        self._result(task)

    def finish(self) -> Counts:
        """Complete the file, on the disk, and give up everything else."""
        counts = np.zeros(len(Counts._fields), np.int64)
        task = Task(lent=counts)
        call("rv_score_finish_start", self._open(), address(counts), byref(task.cell))
        task.wait()
        self._result(task)
        self.abandon()  # removes nothing: the file is complete
        return Counts(*counts.tolist())

    def abandon(self) -> None:
        """Give everything up, and remove the file unless it was finished."""
        self._handle.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.abandon()

    def _open(self) -> int:
        if not self._handle.value:
            raise InvalidArgument("the part is finished, or was abandoned; make another")
        return self._handle.value

    def _result(self, task: Task) -> None:
        try:
            task.result()
        except FileError as error:
            error.filename = self._out
            raise


def _params(source: Source, options: dict[str, Any]) -> tuple[ScoreParams, Any]:
    """Return the parameters, and what must be kept as long as the file is used."""
    text = json.dumps(options, allow_nan=False).encode()
    params = ScoreParams(size=sizeof(ScoreParams), options=text, options_len=len(text))
    if isinstance(source, str):
        path = os.fsencode(source)
        params.path, params.path_len = path, len(path)
        return params, None
    data = np.frombuffer(source, np.uint8)
    params.data, params.data_len = address(data) if len(data) else None, len(data)
    return params, data


def _constant(name: str, kind: str, value: Any) -> dict[str, Any]:
    if value is None:
        text = None
    elif kind in DIRECT:
        text = repr(DIRECT[kind](value))
    else:
        text = str(value)
    return {"name": name, "type": kind, "value": text}


def _name(error: FileError, source: Source) -> None:
    if isinstance(source, str):
        error.filename = source


def _read_texts(answer: Handle) -> list[str | None]:
    stream = ArrowArrayStream()
    texts: list[str | None] = []
    call("rv_answer_stream", answer.value, byref(stream))
    try:
        while True:
            batch = ArrowArray()
            try:
                if _GET_NEXT(stream.get_next)(byref(stream), byref(batch)):
                    raise NativeError("the stream of texts broke off")
                if not batch.release:
                    return texts
                texts += _texts(batch)
            finally:
                drop(batch, ArrowSchema())
    finally:
        if stream.release:
            _RELEASE(stream.release)(byref(stream))


def _texts(batch: ArrowArray) -> list[str | None]:
    """Return the rows of a batch of one column of texts."""
    column = ArrowArray.from_address(c_void_p.from_address(batch.children).value or 0)
    texts: list[str | None] = list(texts_of(column))
    validity = c_void_p.from_address(column.buffers).value
    if validity:
        raw = ctypes.string_at(validity, (len(texts) + 7) // 8)
        valid = np.unpackbits(np.frombuffer(raw, np.uint8), bitorder="little")
        texts = [t if ok else None for t, ok in zip(texts, valid, strict=False)]
    return texts
