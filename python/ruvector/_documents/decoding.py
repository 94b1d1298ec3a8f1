"""Bytes as text: which encoding they are in."""

from __future__ import annotations

import codecs
import re
from typing import Final, NamedTuple

from .._errors import InvalidArgument
from .document import Fault

_LOOK: Final = 1 << 16  # bytes that tell binary data from text
_BOMS: Final = (
    (codecs.BOM_UTF8, "utf-8", "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32-le", "utf-32"),  # before UTF-16, whose mark it begins with
    (codecs.BOM_UTF32_BE, "utf-32-be", "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16-le", "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16-be", "utf-16"),
)
# Encodings that documents may declare; others of Python's run code pages of no documents.
_DECLARABLE: Final = re.compile(
    r"(us-)?ascii|utf-?8|(iso-?)?8859-?\d+|latin-?\d+|(windows|cp)-?\d+|koi8-?\w*|gb\w+|big5\w*|"
    r"hz|shift-?jis\w*|sjis|euc-?\w+|iso-?2022-?\w+|mac-?\w+|tis-?620|viscii|johab|x-sjis|"
    r"ks-?c\w*",
    re.IGNORECASE,
)
_META: Final = re.compile(
    rb"<meta[^>]{0,200}?charset\s*=\s*[\"']?\s*([\w.:-]{1,40})", re.IGNORECASE
)
_XML: Final = re.compile(rb"<\?xml[^>]{0,200}?encoding\s*=\s*[\"']([\w.:-]{1,40})[\"']")
_COOKIE: Final = re.compile(rb"^[ \t\f]*#.{0,200}?coding[:=][ \t]*([-\w.]{1,40})")
_CONTROL: Final = re.compile(rb"[\x00-\x08\x0e-\x1a\x1c-\x1f\x7f]")
_STRANGE: Final = re.compile("[\x00-\x08\x0e-\x1f\x7f-\x84\x86-\x9f\ue000-\uf8ff\ufffe\uffff]")
_USUAL: Final = re.compile("[a-zA-Z0-9 \n\r\t.,\u3001\u3002\u3000]")
_LACKS: Final = (0x81, 0x8D, 0x8F, 0x90, 0x9D)
_WESTERN: Final = {i: bytes([i]).decode("cp1252") for i in range(128, 160) if i not in _LACKS}


class Decoded(NamedTuple):
    """Text, and the encoding that it was in."""

    text: str
    encoding: str


def decode(data: bytes, kind: str, encoding: str | None = None) -> Decoded:
    """Return bytes as text, without the byte order mark.

    Parameters
    ----------
    data : bytes
    kind : str
        Of documents: ``html`` and ``python`` may declare their encoding.
    encoding : str, optional
        What the caller says it is.

    Returns
    -------
    Decoded
        Encodings are tried in this order: the caller's; the byte order mark's; UTF-16 and UTF-32
        without a mark, where there are NULs; UTF-8; what the document declares; Windows-1252,
        which any bytes are (called ``windows-1252?``, because it is a guess).

    Raises
    ------
    Fault
        The bytes are not in the caller's encoding, or no text at all.
    """
    if encoding is not None:
        return _as_told(data, encoding)
    for mark, name, called in _BOMS:
        if data.startswith(mark):
            try:
                return Decoded(data[len(mark) :].decode(name), called)
            except UnicodeDecodeError as error:
                raise _not_in(called, error, "as its byte order mark says") from None
    if b"\0" in data[:_LOOK]:
        return _wide(data)
    told = _declared(data, kind)
    if told is not None and b"\x1b" in data[:_LOOK]:  # ISO-2022, whose bytes are UTF-8 as well
        found = _try(data, told)
        if found is not None:
            return found
    try:
        return _without_nul(Decoded(data.decode("utf-8"), "utf-8"))
    except UnicodeDecodeError:
        pass
    found = _try(data, told) if told is not None else None
    if found is not None:
        return _without_nul(found)
    if len(_CONTROL.findall(data[:_LOOK])) > max(1, len(data[:_LOOK]) // 500):
        raise Fault("it is binary data, not text")
    return _without_nul(Decoded(_western(data), "windows-1252?"))


def known_encoding(encoding: str) -> str:
    """Return an encoding that a caller names, if it is one of text.

    Raises
    ------
    InvalidArgument
    """
    try:
        info = codecs.lookup(encoding)
        codecs.decode(b"", encoding)
        if not isinstance(info.decode(b"")[0], str):
            raise LookupError
    except (LookupError, TypeError, ValueError):
        raise InvalidArgument(
            f"encoding={encoding!r} is no encoding of text; name one such as 'utf-8' or 'cp1252', "
            "or leave it out to have it found"
        ) from None
    return encoding


def _as_told(data: bytes, encoding: str) -> Decoded:
    try:
        text = data.decode(encoding)
    except UnicodeDecodeError as error:
        raise _not_in(encoding, error, "as encoding= says") from None
    except ValueError as error:
        raise Fault(f"it is not {encoding} as encoding= says: {error}") from None
    return Decoded(text.removeprefix("\ufeff"), encoding)


def _not_in(encoding: str, error: UnicodeDecodeError, why: str) -> Fault:
    return Fault(f"it is not {encoding}, {why}: byte {error.start:,} does not fit ({error.reason})")


def _without_nul(found: Decoded) -> Decoded:
    at = found.text.find("\0")
    if at >= 0:
        raise Fault(f"it is binary data, not text (a NUL at character {at:,})")
    return found


def _declared(data: bytes, kind: str) -> str | None:
    """Return the encoding that a document declares, if Python knows it and documents use it."""
    head = data[:4096]
    found = None
    if kind == "html":
        found = _META.search(head) or _XML.match(head.lstrip())
    elif kind == "python":
        lines = head.split(b"\n", 2)[:2]
        found = _COOKIE.match(lines[0]) if lines else None
        if found is None and len(lines) > 1 and re.match(rb"[ \t\f]*(#.*)?\r?$", lines[0]):
            found = _COOKIE.match(lines[1])
    if found is None:
        return None
    name = found[1].decode("ascii", "replace")
    if not _DECLARABLE.fullmatch(name.replace("_", "-")):
        return None
    try:
        info = codecs.lookup(name)
    except LookupError:
        return None
    return "cp1252" if kind == "html" and info.name in ("iso8859-1", "ascii") else info.name


def _try(data: bytes, encoding: str) -> Decoded | None:
    if encoding == "cp1252":
        return Decoded(_western(data), "windows-1252")
    try:
        return Decoded(data.decode(encoding), encoding)
    except ValueError:
        return None


def _western(data: bytes) -> str:
    """Return bytes as Windows-1252, the five that it lacks as the controls of their number."""
    try:
        return data.decode("cp1252")
    except UnicodeDecodeError:
        return data.decode("latin-1").translate(_WESTERN)


def _wide(data: bytes) -> Decoded:
    """Return bytes with NULs as UTF-32 or UTF-16 without a mark.

    Raises
    ------
    Fault
        They are neither: what comes out has controls, or nothing that texts have.
    """
    best: tuple[float, str] | None = None
    for name in ("utf-32-le", "utf-32-be", "utf-16-le", "utf-16-be"):
        width = 4 if "32" in name else 2
        if len(data) % width:
            continue
        head = data[:_LOOK]
        text = codecs.getincrementaldecoder(name)("replace").decode(head)
        if not text or "\ufffd" in text or _STRANGE.search(text):
            continue
        usual = len(_USUAL.findall(text)) / len(text)
        if best is None or usual > best[0]:
            best = usual, name
    if best is not None and best[0] > 0.02:
        found = _try(data, best[1])
        if found is not None:
            return _without_nul(Decoded(found.text, best[1] + "?"))
    at = data.find(b"\0")
    raise Fault(f"it is binary data, not text (a NUL at byte {at:,})")
