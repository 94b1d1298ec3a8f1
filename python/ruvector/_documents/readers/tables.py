"""CSV and JSON lines: one text a record."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator, Sequence
from typing import Any, Final

from ..._errors import ColumnError
from ..document import Document, Fault, Part, joined, trimmed, without_surrogates

_LOOK: Final = 1000  # records that tell which column holds text
_NUMBER: Final = re.compile(
    r"\s*(?:[-+]?[\d.,_ ]*\d[\d.,_ ]*(?:[eE][-+]?\d+)?%?|true|false|yes|no|null|none|nan|na|"
    r"[-+]?\d[\d:/.TZ+ -]*)?\s*",
    re.IGNORECASE,
)
_MOST_FIELD: Final = 1 << 30


def read_csv(text: str, name: str, column: str | None) -> Document:
    """Return the texts of a column, empty lines between, a part a record.

    The page of a part is the number of its record, from 1 on, below the line of names.

    Raises
    ------
    Fault
        There is no such column, none of text, or several of which none was named.
    """
    rows = _rows(text, "\t" if name.lower().endswith(".tsv") else _delimiter(text))
    header = [title.strip() for title in next(rows, [])]
    head: list[list[str]] = []
    for row in rows:
        head.append(row)
        if len(head) == _LOOK:
            break
    if not header:
        return Document("", [])
    texts = {
        title: any(len(row) > i and not _NUMBER.fullmatch(row[i]) for row in head)
        for i, title in enumerate(header)
    }
    place = header.index(_chosen([t for t in header if texts[t]], header, column))
    found: list[str | None] = [row[place] if len(row) > place else None for row in head]
    found += [row[place] if len(row) > place else None for row in rows]
    return _of_records(found)


def read_json_lines(text: str, column: str | None) -> Document:
    """Return the texts of a field, empty lines between, a part a record.

    A line is an object, or a text. The page of a part is the number of its line, from 1 on.
    Lines that are neither are problems of the document.

    Raises
    ------
    Fault
        As `read_csv`.
    """
    import json

    problems: list[Fault] = []
    records: list[Any] = []
    for number, line in enumerate(re.split(r"\r\n|\n|\r", text), 1):
        record: Any = None
        if line.strip():
            try:
                record = json.loads(line)
            except (ValueError, RecursionError) as error:
                problems.append(Fault(f"line {number:,} is no JSON: {error}"))
        records.append(record)
    objects = [record for record in records if isinstance(record, dict)]
    if not objects and problems and not any(isinstance(record, str) for record in records):
        raise problems[0]
    chosen = _field(objects, column) if objects else None
    found: list[str | None] = []
    for number, record in enumerate(records, 1):
        value = record.get(chosen) if isinstance(record, dict) else record
        if not isinstance(value, str | None):
            what = f"line {number:,}"
            what += f": {chosen!r}" if isinstance(record, dict) else ""
            problems.append(Fault(f"{what} is {type(value).__name__}, not text", ColumnError))
            value = None
        found.append(value)
    document = _of_records(found)
    document.problems = problems
    return document


def _field(objects: list[dict[str, Any]], column: str | None) -> str:
    names = {name: False for record in objects for name in record}
    for record in objects[:_LOOK]:
        for name, value in record.items():
            if isinstance(value, str) and not _NUMBER.fullmatch(value):
                names[name] = True
    return _chosen([name for name, text in names.items() if text], list(names), column)


def _chosen(texts: Sequence[str], names: Sequence[str], column: str | None) -> str:
    if column is not None:
        if column in names:
            return column
        raise Fault(
            f"it has no column {column!r}; it has {_listed(names)}: name one with text=",
            ColumnError,
        )
    if "text" in names:
        return "text"
    if len(texts) == 1:
        return texts[0]
    if texts:
        way = f"name the one to read: text={texts[-1]!r}"
        raise Fault(f"several columns hold text, {_listed(texts)}; {way}", ColumnError)
    raise Fault(
        f"no column holds text; it has {_listed(names) or 'none'}: name one with text=", ColumnError
    )


def _listed(names: Sequence[str]) -> str:
    shown = ", ".join(repr(name[:60]) for name in names[:12])
    return shown + (", ..." if len(names) > 12 else "")


def _of_records(found: Sequence[str | None]) -> Document:
    texts = [without_surrogates(text) if text else "" for text in found]
    whole = "\n\n".join(texts)
    spans = joined(texts)
    parts = [Part(*span, number) for number, span in enumerate(spans, 1) if span[0] < span[1]]
    return Document(whole, trimmed(whole, parts))


def _rows(text: str, delimiter: str) -> Iterator[list[str]]:
    """Yield records; a field may be long."""
    import io

    before = csv.field_size_limit()
    if before < _MOST_FIELD:
        csv.field_size_limit(_MOST_FIELD)  # of the process; longer fields than before pass
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
    try:
        for row in reader:
            if row:
                yield row
    except csv.Error as error:
        raise Fault(f"line {reader.line_num:,} is no CSV: {error}") from None
    finally:
        csv.field_size_limit(before)


def _delimiter(text: str) -> str:
    line = text.lstrip("\r\n").split("\n", 1)[0]
    line = re.sub(r"\"[^\"]*\"", "", line)
    return max(",;\t|", key=line.count)
