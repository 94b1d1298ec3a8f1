"""`rv.read`: files as a frame of texts with their places."""

from __future__ import annotations

import time
from typing import Any, Final, Literal

from .._arguments import limit, positive, whole
from .._caller import warn
from .._errors import InvalidArgument
from .._habits import told
from .._progress import Progress
from .._settings import current
from . import changed
from .changed import Previous
from .decoding import known_encoding
from .document import Options
from .found import find_files
from .frames import library_meant
from .job import Job
from .merging import frame_of
from .report import NotRead, ReadReport, remember
from .rows import Cutting
from .sources import shown, sources_of

_NAMED: Final = 3  # files that a warning names


@told
def read(
    paths: Any,
    *,
    chunk: bool = True,
    frame: Literal["pandas", "polars", "pyarrow"] | None = None,
    previous: Any = None,
    budget: int | None = None,
    overlap: int = 0,
    embedder: Any = None,
    splitter: Any = None,
    encoding: str | None = None,
    text: str | None = None,
    fingerprint: bool = False,
    on_error: Literal["skip", "stop"] = "skip",
    threads: int | None = None,
    progress: Progress = None,
) -> Any:
    """Return the texts of files, cut into chunks, each with the place that it has in its file.

    Parameters
    ----------
    paths : path, pattern, folder, or a list of these
        Patterns have ``*``, ``?``, ``[...]``, and ``**`` for folders at any depth. Names that
        begin with a dot are met by patterns that do alone. Of a folder all documents at any depth;
        of a zip file all in it.
    chunk : bool
        False: a row is a document, or a page of a PDF, a cell of a notebook, a record of CSV or
        JSON lines, a docstring.
    frame : {"pandas", "polars", "pyarrow"}, optional
        The library of the answer: that of `previous`, else the one that is imported.
    previous : frame, optional
        An earlier answer, also one that was saved and loaded, with columns added. Files that did
        not change are not read; their rows are taken over with all columns.
    budget, overlap : int, optional
        Most tokens of a chunk, and how many the next one may repeat: what the embedder takes, by
        default.
    embedder : Embedder, callable or object with ``encode``, optional
        Whose tokens are counted, and which embeds new rows where `previous` has a column of
        vectors whose maker is not known.
    splitter : callable or object, optional
        Cuts texts instead: see `chunk`.
    encoding : str, optional
        Of all files; found for each when not given.
    text : str, optional
        The column of CSV and JSON lines to read: ``"text"``, else the only one of texts.
    fingerprint : bool
        Add a column that tells of each file whether it changed. Frames of pandas know without
        (``frame.attrs``, which its parquet files keep); of the others all files are read again
        without it, and only the embeddings of equal rows are taken over.
    on_error : {"skip", "stop"}
        At a document that cannot be read: set it aside (`last_read` and a warning name it), or
        raise.
    threads : int, optional
        That cut chunks; all cores by default. Files are read by one.
    progress : bool or callable, optional
        Show a line with the files, by default after one second; or called with (done, files).

    Returns
    -------
    frame
        Rows in the order of paths, in a file in that of their places. ``text``; ``path``, as the
        caller wrote it, ``archive.zip/name`` in zip files; ``start`` and ``end``, so that
        ``text == rv.source(path)[start:end]``; ``heading``, the headings above it, joined by
        ``" > "``, null without; ``page``, from 1, of PDF, the number of the cell or record of
        notebooks, CSV and JSON lines, else null.

    Raises
    ------
    FileMissing
        A path or pattern means no file.
    PersistError, ColumnError, LimitExceeded, MissingExtra
        A document cannot be read, with ``on_error="stop"``; names it.
    EmbedError
        `previous` has vectors of which nobody knows the maker, and there are new rows; or
        `embedder` made other vectors than those.
    InvalidArgument

    Notes
    -----
    Positions count characters (of Python's ``str``) of the text that `source` returns: of text,
    Markdown, reStructuredText and Python what the file decodes to, line ends as they are, without
    a byte order mark; of HTML, PDF, notebooks, CSV and JSON lines the text taken out of it.
    Kinds are told by the endings of names. Files that the caller names, by themselves or by the
    ending of a pattern, are read as text where it is none of these.
    Pipes, devices and sockets are never opened. Thread-safe.

    Examples
    --------
    >>> import pathlib, tempfile, ruvector as rv
    >>> folder = pathlib.Path(tempfile.mkdtemp())
    >>> _ = (folder / "keys.md").write_text("# Keys\\n\\nRotate them yearly.\\n")
    >>> rv.read(folder, chunk=False)["text"].tolist()
    ['# Keys\\n\\nRotate them yearly.']
    """
    began = time.monotonic()
    if on_error not in ("skip", "stop"):
        raise InvalidArgument(f"on_error={on_error!r} must be 'skip' or 'stop'")
    options = Options(encoding if encoding is None else known_encoding(encoding), text)
    counting = current.embedder if embedder is None else embedder
    cutting = _cutting(budget, overlap, counting, splitter, threads) if chunk else None
    before = None if previous is None else Previous(previous)
    library = before.frame.library if before and frame is None else library_meant(frame)
    job = Job(options, cutting, before, _word(options, cutting), on_error == "stop")
    files, others = find_files(paths, job.aside)
    sources = [source for found in files for source in sources_of(found, job.aside)]
    job.run(sources, current.progress if progress is None else progress)
    answer = frame_of(job.entries, before, library, fingerprint, embedder)
    seen = {source.name for source in sources}
    report = ReadReport(
        files=tuple(job.read),
        skipped=tuple(job.skipped),
        empty=tuple(job.empty),
        others=tuple(map(shown, others)),
        vanished=() if before is None else tuple(sorted(before.where.keys() - seen)),
        rows=sum(file.rows for file in job.read),
        seconds=time.monotonic() - began,
    )
    remember(report)
    _warn_of(report.skipped)
    return answer


def _cutting(budget: Any, overlap: Any, embedder: Any, splitter: Any, threads: Any) -> Cutting:
    most = None if budget is None else positive("budget", budget)
    again = whole("overlap", overlap)
    if again < 0 or (most is not None and again >= most):
        raise InvalidArgument(f"overlap={again} must be 0 or more, and less than budget={most}")
    return Cutting(most, again, embedder, splitter, limit(0 if threads is None else threads))


def _word(options: Options, cutting: Cutting | None) -> str:
    """Return one word for what was asked; "" with a splitter, which may do anything."""
    told: dict[str, Any] = {"reading": list(options)}
    if cutting is not None:
        if cutting.splitter is not None:
            return ""
        told["cutting"] = [cutting.budget, cutting.overlap, _name_of(cutting.embedder)]
    return changed.options_word(told)


def _name_of(embedder: Any) -> str:
    """Return a name that differs where tokens may be counted otherwise."""
    if embedder is None or isinstance(embedder, str):
        return str(embedder)
    return str(getattr(embedder, "id", None) or type(embedder).__qualname__)


def _warn_of(skipped: tuple[NotRead, ...]) -> None:
    if not skipped:
        return
    named = "; ".join(f"{path} ({reason})" for path, reason in skipped[:_NAMED])
    more = f"; and {len(skipped) - _NAMED:,} more" if len(skipped) > _NAMED else ""
    warn(f"{len(skipped):,} not read: {named}{more}. rv.last_read().skipped names all")
