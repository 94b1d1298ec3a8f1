"""What to do with text where vectors belong: statements that work in the user's own library."""

from __future__ import annotations

import re
from typing import Any, Final

from .._errors import InvalidVector

_BRACKETS: Final = " []()"
PARSED: Final = "np.array(s.strip().strip('[]()').replace(',', ' ').split(), 'float32')"
_POLARS: Final = ".cast(pl.String).str.extract_all(r'[^\\s,\\[\\]()]+').cast(pl.List(pl.Float32))"
_WRAPPED: Final = re.compile(r"np\.float(?:16|32|64)\(")  # as NumPy 2 prints the numbers of a list
_LETTERS: Final = 400
_SHOWN: Final = 8  # numbers that are looked at
_BROKEN: Final = 3  # numbers with a point that no text consists of
_BARE: Final = 2  # numbers without brackets that are taken for a vector where one belongs


def looks_like_vector(text: str) -> bool:
    """Return whether a text is a vector: numbers in brackets, or several that are no whole ones.

    ``"[0.1, 0.2]"``, ``"[1 2]"`` and ``"0.1,0.2,0.3"`` are, ``"12 34"`` may be meant as text.
    """
    text = text.strip()
    numbers = _numbers(text)
    if text[:1] in ("[", "("):
        return len(text) > 1 and bool(numbers)
    broken = sum("." in number for number in numbers)
    return broken >= _BROKEN and 2 * broken > len(numbers)


def _numbers(text: str) -> list[str]:
    """Return the first numbers of a text that holds nothing else, else none."""
    words = _unwrapped(text.strip()[:_LETTERS]).strip(_BRACKETS).replace(",", " ").split()[:_SHOWN]
    try:
        return [word for word in words if word == "..." or float(word) is not None]
    except ValueError:
        return []


def _unwrapped(text: str) -> str:
    """Return a text without NumPy's types around its numbers."""
    return _WRAPPED.sub("", text).replace(")", "") if _WRAPPED.search(text) else text


def _unwrapping(text: str, way: str) -> str:
    """Return a statement that parses a text, so that it takes NumPy's types off, too."""
    wrapped = _WRAPPED.search(text)
    if wrapped is None:
        return way
    return way.replace(".strip()", f".replace({wrapped.group()!r}, '').replace(')', '').strip()", 1)


def text_advice(cell: object, library: str = "", column: Any = None) -> str:
    """Return what to say of text found where vectors belong.

    Parameters
    ----------
    cell : object
        The text.
    library : {"", "pandas", "polars", "pyarrow"}
        What holds it; empty for sequences of texts.
    column : label, optional
        Its column in a frame. Else advice calls the vectors ``vectors``.
    """
    text = str(cell).strip()
    if text.endswith(".npy"):
        return f"is the name of a file ({text[-24:]!r}): numpy.load(path) reads its vectors"
    if not looks_like_vector(text) and len(_numbers(text)) < _BARE:
        return (
            f"holds text ({text[:24]!r}), not a vector; vectors of texts are made by "
            "rv.Embedder.from_pretrained().encode(texts)"
        )
    if "..." in text:
        return (
            f"holds a vector as NumPy prints it, shortened ({text[:24]!r}): the numbers between "
            "are lost; write it again from the vectors, as json.dumps(vector.tolist())"
        )
    way = _of_column(library) if column is None else _of_frame(library, column)
    bare = f"pl.String).str.replace_all(r'{_WRAPPED.pattern}', '').str"
    if _WRAPPED.search(text):
        way = _unwrapping(text, way).replace("pl.String).str", bare)
    return f"holds a vector written as text ({text[:24]!r}); parse the column once: {way}"


def refuse_written_vector(query: str) -> None:
    """Refuse a query that is a vector written as text.

    Raises
    ------
    InvalidVector
    """
    if not looks_like_vector(query):
        return
    if "..." in query:
        raise InvalidVector("query " + text_advice(query))
    raise InvalidVector(
        f"query is a vector written as text ({query.strip()[:24]!r}); parse it: "
        f"query = {_unwrapping(query, PARSED.replace('s.strip', 'query.strip', 1))}"
    )


def _of_column(library: str) -> str:
    if library == "pandas":
        return (
            f"vectors = vectors.astype(object).map(lambda s: {PARSED} if isinstance(s, str) else s)"
        )
    if library == "polars":
        return f"vectors = vectors{_POLARS}"
    if library == "pyarrow":
        return f"vectors = pa.array([s and {PARSED} for s in vectors.to_pylist()])"
    return f"vectors = [{PARSED} if isinstance(s, str) else s for s in vectors]"


def _of_frame(library: str, column: Any) -> str:
    if library == "polars":
        return f"df = df.with_columns(pl.col({column!r}){_POLARS})"
    if library == "pyarrow":
        values = f"pa.array([s and {PARSED} for s in table[{column!r}].to_pylist()])"
        at = f"table.column_names.index({column!r})"
        return f"table = table.set_column({at}, {column!r}, {values})"
    parse = f"lambda s: {PARSED} if isinstance(s, str) else s"
    return f"df[{column!r}] = df[{column!r}].astype(object).map({parse})"
