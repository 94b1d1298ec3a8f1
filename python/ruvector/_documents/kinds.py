"""Which kind of document a file is, by its name."""

from __future__ import annotations

from typing import Final

KINDS: Final = {
    ".txt": "text", ".text": "text", ".log": "text", ".adoc": "text", ".asciidoc": "text",
    ".org": "text", ".md": "markdown", ".markdown": "markdown", ".mdown": "markdown",
    ".mkd": "markdown", ".mdx": "markdown", ".qmd": "markdown", ".rmd": "markdown",
    ".rst": "rst", ".rest": "rst", ".html": "html", ".htm": "html", ".xhtml": "html",
    ".shtml": "html", ".ipynb": "notebook", ".py": "python", ".pyi": "python", ".pyw": "python",
    ".pdf": "pdf", ".csv": "csv", ".tsv": "csv", ".jsonl": "jsonl", ".ndjson": "jsonl",
    ".zip": "zip",
}  # fmt: skip
_PLAIN: Final = frozenset(
    {
        "readme", "license", "licence", "copying", "notice", "authors", "contributors", "changelog",
        "changes", "news", "todo", "history", "install", "contributing", "security",
    }
)  # fmt: skip
_PDF: Final = "save it as PDF or HTML (soffice --headless --convert-to pdf FILE)"
_TABLE: Final = "save its sheets as CSV, or read it with pandas.read_excel and use that frame"
_BOOK: Final = "convert it to HTML or text first (ebook-convert FILE out.html)"
_OTHERS: Final = {
    **dict.fromkeys((".docx", ".doc", ".odt", ".rtf", ".pages", ".wpd"), _PDF),
    **dict.fromkeys((".pptx", ".ppt", ".odp", ".key"), _PDF),
    **dict.fromkeys((".xlsx", ".xls", ".xlsm", ".ods", ".numbers"), _TABLE),
    **dict.fromkeys((".epub", ".mobi", ".azw", ".azw3", ".fb2"), _BOOK),
    ".djvu": "convert it to PDF with text first",
    ".ps": "convert it to PDF first (ps2pdf)",
}  # fmt: skip
_PACKED: Final = frozenset({".gz", ".bz2", ".xz", ".zst", ".7z", ".rar", ".tar", ".tgz"})


def suffix_of(name: str) -> str:
    """Return the ending of a file's name in small letters, with its dot."""
    base = name.rpartition("/")[2]
    stem, dot, ending = base.rpartition(".")
    return f".{ending.lower()}" if dot and stem else ""


def kind_of(name: str, named: bool) -> str | None:
    """Return the kind of a file, None for what is no document.

    `named` says that the caller named this very file, or its ending: what has no kind is then
    read as text.
    """
    suffix = suffix_of(name)
    if suffix in KINDS:
        return KINDS[suffix]
    if suffix in _OTHERS or suffix in _PACKED:
        return None
    if named or name.rpartition("/")[2].lower() in _PLAIN:
        return "text"
    return None


def advice_for(name: str, named: bool = False) -> str | None:
    """Return what to do with a document that is not read, None for what is none.

    Packed files are documents where the caller named them.
    """
    suffix = suffix_of(name)
    way = _OTHERS.get(suffix, "unpack it first" if named and suffix in _PACKED else None)
    return f"{suffix} files are not read: {way}" if way is not None else None
