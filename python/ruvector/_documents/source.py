"""`rv.source`: the text that the places of a document count in."""

from __future__ import annotations

from typing import Any

from .._errors import InvalidArgument
from .._habits import told
from .._native.files import file_path
from .decoding import known_encoding
from .document import Fault, Options
from .job import error_of
from .sources import load, parse, source_named


@told
def source(path: Any, *, encoding: str | None = None, text: str | None = None) -> str:
    """Return the text of a document, in which the places of `read` count.

    Parameters
    ----------
    path : path
        As a row of `read` has it, ``archive.zip/name`` for one in a zip file.
    encoding, text : str, optional
        As they were given to `read`.

    Returns
    -------
    str
        Of text, Markdown, reStructuredText and Python what the file decodes to, line ends as they
        are; of HTML, PDF, notebooks, CSV and JSON lines the text taken out of it. Of a row that
        `read` made of the same bytes, ``source(path)[start:end] == text``.

    Raises
    ------
    FileMissing, PersistError, ColumnError, LimitExceeded, MissingExtra
        The document is not there, or cannot be read.
    InvalidArgument

    Examples
    --------
    >>> import pathlib, tempfile, ruvector as rv
    >>> path = pathlib.Path(tempfile.mkdtemp()) / "keys.html"
    >>> _ = path.write_text("<h1>Keys</h1><p>Rotate them   yearly.")
    >>> rv.source(path)
    'Keys\\n\\nRotate them yearly.'
    """
    if not isinstance(path, str | bytes) and not hasattr(path, "__fspath__"):
        raise InvalidArgument(f"path={path!r:.80} is {type(path).__name__}, not a path")
    name = file_path(path)
    options = Options(encoding if encoding is None else known_encoding(encoding), text)
    try:
        found = source_named(name)
        return parse(found, load(found).data, options).text
    except Fault as fault:
        raise error_of(name, fault) from fault
