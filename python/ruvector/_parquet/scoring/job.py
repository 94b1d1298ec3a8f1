"""`rv.score_parquet`: rows of parquet files, and beside each what an index finds for it."""

from __future__ import annotations

import os
import time
from typing import Any, Literal

from ..._caller import warn
from ..._errors import ColumnError, FileMissing, InvalidArgument, PersistError
from ..._habits import told
from ..._index.index import Index
from ..._native.files import file_path
from ..._native.task import reporter
from ..._progress import Progress
from ..._settings import current
from . import manifest as manifests
from .asked import Asked, read_arguments
from .folder import Folder, held, same_parameters
from .inputs import Inputs, find_inputs, items_of, refuse_inside
from .manifest import Manifest
from .planning import Plan, make_plan
from .report import ScoreReport, Skipped
from .running import Run
from .texts import maker_for


@told
def score_parquet(
    inputs: Any,
    index: Index | str | os.PathLike[str],
    *,
    out: str | os.PathLike[str],
    on: str,
    k: int = 10,
    columns: list[str] | None = None,
    right: Any = None,
    ids_on: str | None = None,
    id_column: str = "id",
    where: Any = None,
    min_similarity: float | None = None,
    max_distance: float | None = None,
    embedder: Any = None,
    batch_rows: int | None = None,
    memory: int | str = "1GB",
    resume: bool = True,
    on_error: Literal["stop", "skip"] = "stop",
    threads: int | None = None,
    progress: Progress = None,
) -> ScoreReport:
    """Search with every row of parquet files, and write what is found to parquet files.

    Parameters
    ----------
    inputs : path, pattern, folder, URL, pair (filesystem, path), table, or a list of these
        Scored in the order of their names. Of a folder all ``*.parquet`` at any depth, names that
        begin with ``_`` or ``.`` left out; its folders called ``key=value`` become columns, int64
        where all values of the key are whole numbers, else text. URLs go through fsspec. File
        systems are those of fsspec, pyarrow.fs and obstore; tables those of pyiceberg and
        deltalake, without deletes that are not yet applied to their files.
    index : Index or path
        What is searched; a path is that of a file which `Index.save` wrote. Must not change
        meanwhile.
    out : path
        The folder of the parts, made if it is not there. One run at a time.
    on : str
        The column of vectors, or of texts, which the embedder of the index embeds on the way.
    k : int
        Rows to find for each, from 1 to 100,000.
    columns : list of str, optional
        Columns of the inputs to write, in this order, those of folders last: all but `on` when
        not given, none for ``[]``.
    right : frame or path of a parquet file, optional
        Rows of the index: their columns are written beside the rows that find them, names that
        the inputs have, too, with ``_right`` behind. The rows are those of the build, or told by
        their ids.
    ids_on : str, optional
        The column of `right` that holds the ids of the index, where it does not know it.
    id_column : str
        What the column of the ids that are found is called.
    where : n booleans in row order, optional
        Rows of the index that may be found.
    min_similarity, max_distance : float, optional
        A row must be this near; the first for ``cosine`` and ``dot``, the second for distances.
    embedder : Embedder, callable or object with ``encode``, optional
        Makes vectors of texts: what made the index's own, by default.
    batch_rows : int, optional
        Rows searched together, as many as the memory allows by default. Changes no answer.
    memory : int or str
        Bytes that the job may hold beyond the index, for example ``"512MB"``.
    resume : bool
        Go on with the job that the folder has. False: refuse a folder that has one.
    on_error : {"stop", "skip"}
        At a bad file raise, or set the file aside: none of its rows is scored, the report and a
        warning name it. Whatever else fails always stops.
    threads : int, optional
    progress : bool or callable, optional
        Show a line with the rows and the time that is left, by default after one second; or
        called with (rows done, rows).

    Returns
    -------
    ScoreReport

    Raises
    ------
    FileMissing, PersistError
        An input is not there, damaged, no parquet file or changed; the folder has files of
        others, another run, or a finished part that is damaged; the disk is full (an OSError,
        too). Names the file.
    ColumnError, DimensionMismatch, InvalidVector, EmbedError
        An input lacks a column, or has one of another type or of vectors of other dimensions; NaN
        or infinity; names file, row group and row. Null vectors and texts find nothing.
    InvalidArgument, MetricError, LimitExceeded, MissingExtra
    KeyboardInterrupt
        Ctrl-C ends the run. What was finished stays, and the same call goes on from there.

    Notes
    -----
    Every part ``part-<input>-<piece>.parquet`` has the columns of its input, ``query_row`` (row in
    the input file), ``rank`` from 1, ``id``, the score named by the metric, and those of `right`.
    Parts are written aside and named when they are complete; the manifest beside them,
    ``_ruvector_job.json``, knows the index, the arguments, the inputs and the parts. The bytes of
    the folder depend on these alone: not on threads, memory, or on how often the job was cut off.
    May be called from any thread.

    Examples
    --------
    >>> import ruvector as rv
    >>> rv.score_parquet("new/*.parquet", "catalog.rvx", out="scored", on="emb")  # doctest: +SKIP
    ScoreReport(1,000,000 rows of 8 files -> 10,000,000 rows in 8 parts, 41.0 s)
    """
    begin = time.monotonic()
    if not isinstance(resume, bool):
        raise InvalidArgument(f"resume={resume!r} must be True or False")
    items = items_of(inputs)
    found = find_inputs(items)
    folder_path = file_path(out)
    refuse_inside(folder_path, found)
    asked = read_arguments(
        index, on, k, columns, right, ids_on, id_column, where, (min_similarity, max_distance),
        embedder, (threads, memory, batch_rows), on_error,
    )  # fmt: skip
    shown = current.progress if progress is None else progress
    try:
        with held(folder_path, resume) as folder:
            report = _score(items, found, asked, folder, shown, begin)
    finally:
        asked.close()
        if not isinstance(index, Index):
            asked.searched.close()
    if report.skipped:
        warn(
            f"{len(report.skipped)} of {len(found.files)} input files were set aside, first "
            f"{report.skipped[0].file}: {report.skipped[0].reason}"
        )
    return report


def _score(
    items: list[Any], found: Inputs, asked: Asked, folder: Folder, progress: Progress, begin: float
) -> ScoreReport:
    before = folder.manifest
    if before is not None and not any(entry.parts for entry in before.entries):
        before = None  # nothing is bound yet
    plan = make_plan(found, asked, before)
    run = _run(plan, found, asked, folder, before, progress)
    if run is None:
        return _report(folder, plan.manifest, None, begin)
    _same_listing(items, found)
    return _report(folder, plan.manifest, run, begin)


def _run(
    plan: Plan,
    found: Inputs,
    asked: Asked,
    folder: Folder,
    before: Manifest | None,
    progress: Progress,
) -> Run | None:
    """Make the parts that are missing; None where no input could be read."""
    manifest, chosen = plan.manifest, plan.chosen
    if chosen is None:
        return None
    maker = maker_for(asked.searched, asked.embedder, asked.on) if chosen.text else None
    manifest.parameters = asked.parameters(maker)
    if before is not None:
        same_parameters(before, manifest)
        for entry in manifest.entries:
            for part in entry.parts:
                manifests.check_part(folder.path, part)
    mine = [*(column.name for column in chosen.columns), *chosen.constants]
    _refuse_clash(chosen.file, mine, asked.names)
    right = None if asked.right is None else asked.right.named(mine, asked.names)
    left = sum(
        rows
        for entry in manifest.entries
        if not entry.failed
        for _, _, rows in entry.pieces[len(entry.parts) :]
    )
    report = reporter(progress, "score")
    run = Run(
        folder, manifest, asked, chosen, maker, right, lambda done: report(min(done, left), left)
    )
    try:
        run.all(found.files)
    finally:
        report(-1, -1)
    return run


def _refuse_clash(file: str, mine: list[str], added: tuple[str, ...]) -> None:
    """Refuse columns of the inputs that are called like one that is added."""
    for name in added:
        if name in mine:
            way = "leave it out with columns=[...]"
            if name == added[2]:
                way += ', or name the column of ids: id_column="..."'
            if name == added[-1]:
                way += ', or name the score column: with rv.config(score_column="...")'
            raise ColumnError(f"{file} has a column {name!r}, which scoring adds: {way}")


def _same_listing(items: list[Any], found: Inputs) -> None:
    """Refuse a folder that has more files now than when the run began; all parts are written."""
    try:
        now = {file.place.name for file in find_inputs(items).files}
    except FileMissing:
        return  # they were taken away once they were scored
    new = sorted(now - {file.place.name for file in found.files})
    if new:
        raise PersistError(
            f"{len(new)} inputs came while the others were scored, first {new[0]}: they are not "
            "scored. All others are, and their parts are complete; score the new ones into "
            "another folder, and pass lists of files"
        )


def _report(folder: Folder, manifest: Manifest, run: Run | None, begin: float) -> ScoreReport:
    good = [entry for entry in manifest.entries if not entry.failed]
    done = [part for entry in good for part in entry.parts]
    seconds = time.monotonic() - begin
    parts, rows, did = (0, 0, {}) if run is None else (run.parts, run.rows, run.plan)
    return ScoreReport(
        out=folder.path,
        files=len(good),
        skipped=tuple(Skipped(e.name, e.failed) for e in manifest.entries if e.failed),
        rows_in=sum(part.rows_in for part in done),
        rows_out=sum(part.rows for part in done),
        null_queries=sum(part.nulls for part in done),
        parts=len(done),
        parts_done=parts,
        parts_before=len(done) - parts,
        seconds=seconds,
        rows_per_second=rows / seconds if seconds > 0 else 0.0,
        plan=did,
    )
