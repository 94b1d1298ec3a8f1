"""What to do with text where vectors belong: statements that work in the user's own library."""

from __future__ import annotations

from typing import Any, Final

_BRACKETS: Final = " []()"
PARSED: Final = "np.array(s.strip().strip('[]()').replace(',', ' ').split(), 'float32')"
_POLARS: Final = ".cast(pl.String).str.extract_all(r'[^\\s,\\[\\]()]+').cast(pl.List(pl.Float32))"
_SHOWN: Final = 8  # numbers that are looked at
_BARE: Final = 2  # numbers without brackets that are taken for a vector where one belongs


def looks_like_vector(text: str) -> bool:
    """Return whether a text is numbers in brackets, such as ``"[0.1, 0.2]"`` or ``"[0.1 0.2]"``."""
    text = text.strip()
    return text[:1] in ("[", "(") and len(text) > 1 and bool(_numbers(text))


def _numbers(text: str) -> list[str]:
    """Return the first numbers of a text that holds nothing else, else none."""
    words = text.strip().strip(_BRACKETS).replace(",", " ").split()[:_SHOWN]
    try:
        return [word for word in words if word == "..." or float(word) is not None]
    except ValueError:
        return []


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
    return f"holds a vector written as text ({text[:24]!r}); parse the column once: " + (
        _of_column(library) if column is None else _of_frame(library, column)
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
