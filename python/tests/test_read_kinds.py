"""`rv.read`: what is read of each kind of document."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from made_documents import CHAPTER, notebook, pdf

import ruvector as rv


def rows(folder: Path, name: str, content: str | bytes, **options: Any) -> pd.DataFrame:
    """Write a document, read it, and check that its texts are places of its source."""
    path = folder / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    found: pd.DataFrame = rv.read(path, frame="pandas", **options)
    given = {k: v for k, v in options.items() if k in ("encoding", "text")}
    source = rv.source(path, **given)
    for row in found.itertuples():
        assert source[row.start : row.end] == row.text
    return found


def headings(found: pd.DataFrame) -> list[Any]:
    return [None if pd.isna(heading) else heading for heading in found["heading"]]


# ---- HTML ----


def test_html_is_its_text_with_headings_rows_and_code(tmp_path: Path) -> None:
    found = rows(tmp_path, "page.html", CHAPTER, chunk=False)
    assert found["text"].tolist() == [
        "Keys\n\nKeys open & close doors. They are <small>.\n\nRotation\n\n"
        "Rotate keys yearly.\nOr sooner.\n\n- Write a new one\n\n- Revoke the old one\n\n"
        "Key | Age\nfront | 3\n| 4\n\n$ rotate --all\n  done\n\n\nLoss\n\nTell us at once."
    ]
    chunks = rows(tmp_path, "page.html", CHAPTER)
    top = "Keys - The Manual > Keys"
    assert headings(chunks) == [top, f"{top} > Rotation", f"{top} > Loss"]


@pytest.mark.parametrize(
    ("markup", "text"),
    [
        ("plain < text & more", "plain < text & more"),
        ("<p>a<p>b", "a\n\nb"),
        ("<b>bold</i> on", "bold on"),
        ("a<!-- <p>b</p> -->c", "ac"),
        ("a<!-- open > b", "a b"),
        ("a <a title='x > y' href=\"z>\">b</a>", "a b"),
        ("a <a title=\"never closed>b</a> c", "a b c"),
        ("a<script>no</script >b", "ab"),
        ("a<SCRIPT>no</SCRIPT\n>b", "ab"),
        ("a<style>never closed", "a"),
        ("a<nav>no<nav>no</nav>no</nav>b", "a\n\nb"),
        ("a<nav>never closed", "anever closed"),
        ("<div role='navigation'>no <div>no</div></div>yes", "yes"),
        ("&eacute;&#233;&#xe9;&nosuch;&amp", "\xe9\xe9\xe9&nosuch;&"),
        ("&#0;&#xD800;a", "\ufffd\ufffda"),
        ("a&nbsp;&nbsp;b\t\n c", "a b c"),
        ("<![CDATA[a < b]]> c", "a < b c"),
        ("<ul><li>a<li>b</ul>", "- a\n- b"),
        ("<dl><dt>a<dd>b</dl>", "a\nb"),
        ("<table><tr><td>a<td>b<tr><td>c</table>", "a | b\nc"),
        ("<table><tr><td><p>a</p><p>b</p></td><td>c</td></tr></table>", "a b | c"),
        ("<table><tr><td><h1>T</h1><p>x</p></td><td>y</td></tr></table>", "T\n\nx\n\ny"),
        ("<pre>a\r\n  b</pre>c", "a\n  b\n\nc"),
        ("x<br/>y<br>z", "x\ny\nz"),
        ("tail <a href='x", "tail"),
        ("<?php echo 1 ?>a<!DOCTYPE html>b", "ab"),
        ("wo<wbr>rd<span>s</span>", "words"),
        ("<h1>A</h1", "A"),
        ("</p></table></pre></h1>a", "a"),
    ],
)  # fmt: skip
def test_broken_html_is_read_as_far_as_it_goes(tmp_path: Path, markup: str, text: str) -> None:
    found = rows(tmp_path, "a.html", markup, chunk=False)
    assert found["text"].tolist() == [text]


def test_the_title_of_a_page_stands_above_its_headings_once(tmp_path: Path) -> None:
    page = "<title>1. Same</title><h2>1. Same</h2><p>a"
    assert headings(rows(tmp_path, "a.html", page)) == ["1. Same"]
    page += "<h3>Deep</h3><p>b<h2>Options</h2><p>c"
    assert headings(rows(tmp_path, "a.html", page)) == [
        "1. Same", "1. Same > Deep", "1. Same > Options",
    ]  # fmt: skip
    assert headings(rows(tmp_path, "a.html", "<title>T &amp; U</title><p>a")) == ["T & U"]
    assert headings(rows(tmp_path, "a.html", "<title>never closed<p>a")) == ["never closed"]
    assert headings(rows(tmp_path, "a.html", "<p>a")) == [None]


def test_xhtml_may_close_a_script_where_it_begins(tmp_path: Path) -> None:
    page = '<?xml version="1.0"?><html><script src="a.js"/><p>a</p></html>'
    assert rows(tmp_path, "a.xhtml", page)["text"].tolist() == ["a"]


# ---- Markdown ----


def test_markdown_has_headings_of_both_kinds_and_no_front_matter(tmp_path: Path) -> None:
    text = (
        "---\ntitle: x\n---\nIntro.\n\n# One #\n\na\n\n### Deep\n\nb\n\n~~~\n# no\n---\n~~~\n\n"
        "Two\n===\n\nc\n\n- item\n---\n\n#nothashtag\n\n## Last\n\nd\n"
    )
    found = rows(tmp_path, "a.md", text)
    assert found["start"][0] == text.index("Intro")
    assert headings(found) == [None, "One", "One > Deep", "Two", "Two > Last"]
    assert "# no\n---" in found["text"][2]


@pytest.mark.parametrize(
    ("text", "start"),
    [
        ("---\na: 1\n---\nbody", "body"),
        ("---\r\na: 1\r\n---\r\nbody", "body"),
        ("+++\na = 1\n+++\nbody", "body"),
        ("---\na: 1\n...\nbody", "body"),
        ("---\n\nA rule above and below.\n\n---\n\nbody", "---"),
        ("---\na: 1\nnever closed", "---"),
        ("----\na: 1\n----\n", "----"),
    ],
)
def test_front_matter_is_what_has_fields_between_its_lines(
    tmp_path: Path, text: str, start: str
) -> None:
    found = rows(tmp_path, "a.md", text, chunk=False)
    assert found["start"].tolist() == [text.index(start)]


def test_front_matter_alone_is_an_empty_document(tmp_path: Path) -> None:
    assert rows(tmp_path, "a.md", "---\na: 1\n---\n").empty
    assert rv.last_read().empty[0].reason == "it has no text"  # type: ignore[union-attr]


# ---- reStructuredText ----


def test_rst_levels_come_in_the_order_of_their_lines(tmp_path: Path) -> None:
    text = (
        "=====\nTitle\n=====\n\nIntro.\n\nPart\n====\n\na\n\nSub\n---\n\nb\n\nOther\n=====\n\nc\n\n"
        "----\n\nAfter a rule, still other.\n\nparagraph of\ntwo lines\n---------\n\n::\n\n  Not\n"
        "  ---\n"
    )
    found = rows(tmp_path, "a.rst", text, budget=8)
    assert list(dict.fromkeys(headings(found))) == [
        "Title", "Title > Part", "Title > Part > Sub", "Title > Other",
    ]  # fmt: skip
    assert found["text"][0].startswith("=====\nTitle")


# ---- notebooks ----


def test_notebooks_are_cells_with_numbers_and_no_outputs(tmp_path: Path) -> None:
    book = notebook(
        [("markdown", "# A\n\ntext"), ("code", "# comment\nx = 1"), ("raw", "raw"),
         ("markdown", "## B\n\nmore")]
    )  # fmt: skip
    found = rows(tmp_path, "a.ipynb", book)
    assert found["text"].tolist() == ["# A\n\ntext", "# comment\nx = 1", "## B\n\nmore"]
    assert found["page"].tolist() == [1, 2, 4]
    assert headings(found) == ["A", "A", "A > B"]


def test_notebooks_before_version_4_are_read(tmp_path: Path) -> None:
    cells = [
        {"cell_type": "heading", "level": 2, "source": "Old"},
        {"cell_type": "code", "input": ["a = 1\n", "b"]},
        {"cell_type": "markdown", "source": "words"},
    ]
    book = json.dumps({"worksheets": [{"cells": cells}], "nbformat": 3})
    found = rows(tmp_path, "a.ipynb", book, chunk=False)
    assert found["text"].tolist() == ["Old", "a = 1\nb", "words"]
    assert headings(found) == ["Old"] * 3


# ---- Python ----


def test_python_files_are_their_docstrings_where_they_stand(tmp_path: Path) -> None:
    code = (
        '# -*- coding: utf-8 -*-\n"""Module \u00fc."""\nclass A:\n    """A\n    b.\n    """\n'
        "    def f(self): 'one'; x = 'not'\n    async def g(self):\n        u'''g'''\n"
        'if True:\n    def h():\n        R"raw \\d"\n        def inner():\n            """in"""\n'
        'def n():\n    return 1\ndef two():\n    (\'a\'\n     """b""")\ndef e():\n    \'\'\n'
        "x = 'y'; 'no docstring'\n"
    )
    found = rows(tmp_path, "mod.py", code)
    got = dict(zip(found["heading"], found["text"], strict=True))
    assert got == {
        "mod": "Module \u00fc.", "mod.A": "A\n    b.", "mod.A.f": "one", "mod.A.g": "g",
        "mod.h": "raw \\d", "mod.h.inner": "in", "mod.two": "a'\n     \"\"\"b",
    }  # fmt: skip
    assert found["start"].is_monotonic_increasing
    (tmp_path / "pkg").mkdir()
    assert headings(rows(tmp_path / "pkg", "__init__.py", "'doc'")) == ["pkg"]


def test_python_files_without_docstrings_are_said_to_be_so(tmp_path: Path) -> None:
    assert rows(tmp_path, "a.py", "x = 1\n").empty
    assert rv.last_read().empty[0].reason == "it has no docstring"  # type: ignore[union-attr]


# ---- PDF ----


def test_pdf_has_pages_and_an_outline(tmp_path: Path) -> None:
    data = pdf(
        ["Start of it all.", "", "In the middle. Deep words."],
        outline=[("Start", 0), ("Deep words", 2), ("Lost", 2)],
    )
    found = rows(tmp_path, "a.pdf", data, chunk=False)
    assert found["page"].tolist() == [1, 3]
    assert found["text"].tolist() == ["Start of it all.", "In the middle. Deep words."]
    assert headings(found)[0] == "Start"


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (b"", None),
        (b"%PDF-1.4\n%%EOF", "it is no PDF that can be read"),
        (b"not a pdf at all", "it is no PDF that can be read"),
        (pdf(["", ""]), "images without text: run OCR"),
        (pdf([]), "no page"),
    ],
)
def test_pdf_without_text_is_named(tmp_path: Path, data: bytes, says: str | None) -> None:
    (tmp_path / "a.pdf").write_bytes(data)
    if says is None:
        assert rv.read(tmp_path).empty
        return
    with pytest.warns(rv.RuVectorWarning, match=says):
        assert rv.read(tmp_path).empty


def test_encrypted_pdf_is_read_or_named(tmp_path: Path) -> None:
    import io

    import pypdf

    for password, says in (("", None), ("secret", "encrypted with a password")):
        writer = pypdf.PdfWriter(clone_from=io.BytesIO(pdf(["Locked words."])))
        writer.encrypt(password, "owner", algorithm="RC4-128")
        writer.write(tmp_path / "a.pdf")
        if says is None:
            assert rv.read(tmp_path)["text"].tolist() == ["Locked words."]
        else:
            with pytest.raises(rv.PersistError, match=says):
                rv.read(tmp_path, on_error="stop")


def test_pypdf_that_is_absent_is_named_with_its_extra(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import sys

    (tmp_path / "a.pdf").write_bytes(pdf(["x"]))
    (tmp_path / "b.txt").write_text("still read")
    monkeypatch.setitem(sys.modules, "pypdf", None)
    with pytest.warns(rv.RuVectorWarning, match=r"pip install 'ruvector-arrow\[pdf\]'"):
        assert rv.read(tmp_path)["text"].tolist() == ["still read"]
    with pytest.raises(rv.MissingExtra, match="pypdf") as caught:
        rv.read(tmp_path, on_error="stop")
    assert caught.value.pip == "pip install 'ruvector-arrow[pdf]'"


# ---- CSV and JSON lines ----


@pytest.mark.parametrize(
    ("name", "content", "options", "texts", "pages"),
    [
        ("a.csv", "id,body\n1,one\n2,two\n", {}, ["one", "two"], [1, 2]),
        ("a.csv", "title,text\na,b\n", {}, ["b"], [1]),
        ("a.csv", "title,body\na,b\n", {"text": "body"}, ["b"], [1]),
        ("a.csv", "id;body\n1;one, and\n2;\n3;three\n", {}, ["one, and", "three"], [1, 3]),
        ("a.tsv", "id\tbody\n1\tone\n", {}, ["one"], [1]),
        ("a.csv", 'id,body\n1,"a ""b""\nc"\n', {}, ['a "b"\nc'], [1]),
        ("a.csv", "when,n,body\n2024-01-02,3.5,x\n", {}, ["x"], [1]),
        ("a.csv", "body\n" + "x" * 200_000 + "\n", {}, ["x" * 200_000], [1]),
        ("a.csv", "id,body\n1\n2,two,more\n", {}, ["two"], [2]),
        ("a.jsonl", '{"id": 1, "body": "one"}\n\n{"body": null}\n{"body": "x"}', {},
         ["one", "x"], [1, 4]),
        ("a.ndjson", '"just"\n"texts"\n', {}, ["just", "texts"], [1, 2]),
        ("a.jsonl", '{"a": "x", "b": "y"}\n{"a": "z"}', {"text": "b"}, ["y"], [1]),
        ("a.jsonl", '{"body": "\\ud800 half"}', {}, ["\ufffd half"], [1]),
    ],
)  # fmt: skip
def test_records_are_rows(
    tmp_path: Path, name: str, content: str, options: Any, texts: list[str], pages: list[int]
) -> None:
    found = rows(tmp_path, name, content, chunk=False, **options)
    assert found["text"].tolist() == texts
    assert found["page"].tolist() == pages


@pytest.mark.parametrize(
    ("name", "content", "options", "says"),
    [
        ("a.csv", "title,body\na,b\n", {}, r"several columns hold text, 'title', 'body'.*text='b"),
        ("a.csv", "id,n\n1,2\n", {}, "no column holds text; it has 'id', 'n'"),
        ("a.csv", "id,n\n1,2\n", {"text": "body"}, "no column 'body'; it has 'id', 'n'"),
        ("a.jsonl", '{"a": "x", "b": "y"}', {}, "several columns hold text"),
        ("a.jsonl", '{"n": 1}', {}, "no column holds text"),
    ],
)
def test_the_text_column_is_never_guessed(
    tmp_path: Path, name: str, content: str, options: Any, says: str
) -> None:
    (tmp_path / name).write_text(content)
    with pytest.warns(rv.RuVectorWarning, match=says):
        assert rv.read(tmp_path, **options).empty
    with pytest.raises(rv.ColumnError, match=says):
        rv.read(tmp_path, on_error="stop", **options)


def test_bad_lines_are_named_and_the_others_kept(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_text('{"text": "one"}\n{"text": \n{"text": 3}\n[1]\n{"text": "e"}')
    with pytest.warns(rv.RuVectorWarning, match="line 2 is no JSON"):
        found = rv.read(tmp_path)
    assert found["text"].tolist() == ["one", "e"]
    reasons = [reason for _, reason in rv.last_read().skipped]  # type: ignore[union-attr]
    assert reasons[1:] == ["line 3: 'text' is int, not text", "line 4 is list, not text"]


# ---- encodings ----


@pytest.mark.parametrize(
    ("name", "data", "encoding"),
    [
        ("a.txt", "Grüße".encode(), "utf-8"),
        ("a.txt", "Grüße".encode("utf-8-sig"), "utf-8-sig"),
        ("a.txt", "Grüße".encode("utf-16"), "utf-16"),
        ("a.txt", b"\xfe\xff" + "Grüße".encode("utf-16-be"), "utf-16"),
        ("a.txt", "Grüße".encode("utf-32"), "utf-32"),
        ("a.txt", "Grüße, dear all\n".encode("utf-16-le"), "utf-16-le?"),
        ("a.txt", "Grüße, dear all\n".encode("utf-16-be"), "utf-16-be?"),
        ("a.txt", "Grüße, dear all\n".encode("utf-32-le"), "utf-32-le?"),
        ("a.txt", "鍵を毎年、回転してください。\n鍵\n".encode("utf-16-le"), "utf-16-le?"),
        ("a.txt", "Grüße \u2013 \u201cso\u201d".encode("cp1252"), "windows-1252?"),
        ("a.txt", b"Gr\xfc\xdfe \x81", "windows-1252?"),
        ("a.html", b'<meta charset="iso-8859-1">Gr\xfc\xdfe', "windows-1252"),
        ("a.html", '<meta charset=koi8-r>ключ'.encode("koi8-r"), "koi8-r"),
        ("a.html", '<meta http-equiv=x content="text/html; charset=Shift_JIS">鍵'.encode("sjis"),
         "shift_jis"),
        ("a.html", b"<meta charset=iso-2022-jp>" + "鍵".encode("iso-2022-jp"), "iso2022_jp"),
        ("a.html", '<?xml version="1.0" encoding="cp1251"?><p>ключ'.encode("cp1251"), "cp1251"),
        ("a.html", "<meta charset=windows-1251>Grüße".encode(), "utf-8"),
        ("a.html", b"<meta charset=utf-16>plain", "utf-8"),
        ("a.html", b"<meta charset=unicode_escape>Gr\xfc\xdfe", "windows-1252?"),
        ("a.py", '# coding: latin-1\n"""Grüße"""\n'.encode("latin-1"), "iso8859-1"),
        ("a.py", '#!/bin/x\n# vim: set fileencoding=cp1251 :\n"""ключ"""'.encode("cp1251"),
         "cp1251"),
    ],
)  # fmt: skip
def test_encodings_are_found_and_said(
    tmp_path: Path, name: str, data: bytes, encoding: str
) -> None:
    found = rows(tmp_path, name, data)
    report = rv.last_read()
    assert report is not None
    assert report.files[0].encoding == encoding
    known = encoding.rstrip("?")
    wanted = [word for word in ("Grüße", "ключ", "鍵") if word in data.decode(known, "replace")]
    assert wanted or "plain" in found["text"][0]
    assert all(word in "".join(found["text"]) for word in wanted)
    assert "\ufeff" not in found["text"][0]


def test_an_encoding_that_is_told_is_taken_or_refused(tmp_path: Path) -> None:
    data = "ключ".encode("koi8-r")
    found = rows(tmp_path, "a.txt", data, encoding="koi8-r")
    assert found["text"].tolist() == ["ключ"]
    with pytest.raises(
        rv.PersistError, match=r"a\.txt: it is not utf-8, as encoding= says: byte 0"
    ):
        rv.read(tmp_path, encoding="utf-8", on_error="stop")
    with pytest.raises(rv.PersistError, match="it is not utf-8"):
        rv.source(tmp_path / "a.txt", encoding="utf-8")
