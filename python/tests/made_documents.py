"""Documents of every kind, made by hand."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Sequence
from pathlib import Path

__all__ = ["CHAPTER", "folder_of_every_kind", "notebook", "pdf"]

CHAPTER = """<!DOCTYPE html><html><head><title>Keys - The Manual</title>
<style>p { color: red }</style><script>if (1 < 2) alert("<p>no</p>")</script></head>
<body><nav><a href="/">Home</a> <a href="/up">Up</a></nav>
<h1>Keys</h1><p>Keys open &amp; close   doors.
They are &lt;small&gt;.</p>
<h2>Rotation</h2><p>Rotate keys <b>yearly</b>.<br>Or sooner.</p>
<ul><li>Write a new one</li><li><p>Revoke the old one</p></li></ul>
<table><tr><th>Key</th><th>Age</th></tr><tr><td>front</td><td>3</td></tr>
<tr><td></td><td>4</td></tr></table>
<pre>
$ rotate --all
  done
</pre>
<h2>Loss</h2><p>Tell us&nbsp;at once.</p></body></html>
"""


def pdf(
    pages: Sequence[str],
    *,
    outline: Sequence[tuple[str, int]] = (),
    damage: str = "",
) -> bytes:
    """Return a PDF whose pages say these texts, one line each; none for "" (an empty drawing)."""
    objects: list[str] = []
    kids = " ".join(f"{4 + 2 * i} 0 R" for i in range(len(pages)))
    first = 4 + 2 * len(pages)  # of the outline
    lines = f"/Outlines {first} 0 R" if outline else ""
    objects.append(f"<< /Type /Catalog /Pages 2 0 R {lines} >>")
    objects.append(f"<< /Type /Pages /Kids [{kids}] /Count {len(pages)} >>")
    objects.append("<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>")
    for i, text in enumerate(pages):
        shown = f"BT /F1 12 Tf 72 700 Td ({text}) Tj ET" if text else "0 0 m 10 10 l S"
        objects.append(
            "<< /Type /Page /Parent 2 0 R /MediaBox [0 0 612 792] /Resources << /Font << /F1 3 0 R "
            f">> >> /Contents {5 + 2 * i} 0 R >>"
        )
        objects.append(f"<< /Length {len(shown)} >>\nstream\n{shown}\nendstream")
    if outline:
        last = first + len(outline)
        count = len(outline)
        objects.append(f"<< /First {first + 1} 0 R /Last {last} 0 R /Count {count} >>")
        for i, (title, page) in enumerate(outline):
            after = f"/Next {first + 2 + i} 0 R" if i + 1 < count else ""
            objects.append(
                f"<< /Title ({title}) /Parent {first} 0 R {after} "
                f"/Dest [{4 + 2 * page} 0 R /Fit] >>"
            )
    out, places = b"%PDF-1.4\n", []
    for number, body in enumerate(objects, 1):
        places.append(len(out))
        out += f"{number} 0 obj\n{body}\nendobj\n".encode("latin-1")
    table = len(out)
    out += f"xref\n0 {len(objects) + 1}\n0000000000 65535 f \n".encode()
    out += b"".join(b"%010d 00000 n \n" % place for place in places)
    trailer = f"/Size {len(objects) + 1} /Root 1 0 R {damage}"
    return out + f"trailer\n<< {trailer} >>\nstartxref\n{table}\n%%EOF\n".encode()


def notebook(cells: Sequence[tuple[str, str]]) -> str:
    """Return a notebook of cells (kind, source); code has an output that nobody should read."""
    made = []
    for kind, source in cells:
        cell: dict[str, object] = {"cell_type": kind, "metadata": {}}
        cell["source"] = source.splitlines(keepends=True)
        if kind == "code":
            out = {"output_type": "stream", "name": "stdout", "text": ["OUTPUT\n"]}
            cell |= {"execution_count": 1, "outputs": [out]}
        made.append(cell)
    return json.dumps({"cells": made, "metadata": {}, "nbformat": 4, "nbformat_minor": 5})


def folder_of_every_kind(folder: Path) -> Path:
    """Write a document of every kind, and return their folder."""
    (folder / "sub").mkdir(parents=True)
    (folder / "plain.txt").write_bytes("Zwölf Boxkämpfer\r\njagen Viktor.\r\n".encode())
    (folder / "sub" / "notes.md").write_text(
        "---\ntitle: Notes\ntags: [a]\n---\n\n# Keys\n\nRotate them.\n\n```sh\n# no heading\n```\n"
        "\nLoss\n----\n\nTell us 🔑 at once.\n",
        encoding="utf-8",
    )
    (folder / "page.html").write_text(CHAPTER, encoding="utf-8")
    (folder / "book.ipynb").write_text(
        notebook([("markdown", "# Load\n\nRead it."), ("code", "# not a heading\nload()")])
    )
    (folder / "guide.rst").write_text("Guide\n=====\n\nIntro.\n\nUse\n---\n\nCall it.\n")
    (folder / "tool.py").write_text(
        '"""A tool."""\n\nclass Saw:\n    r"""Cuts, \\d times."""\n\n    def cut(self):\n'
        '        """Cut\n        twice.\n        """\n        return "no docstring"\n'
    )
    (folder / "paper.pdf").write_bytes(
        pdf(["Page one is here.", "Two follows."], outline=[("Start", 0), ("More", 1)])
    )
    (folder / "reviews.csv").write_text('id,body\n1,"Good, really"\n2,\n3,"Two\nlines"\n')
    (folder / "tickets.jsonl").write_text(
        '{"id": 1, "text": "It \\ud83d\\udd11 broke"}\n\n{"id": 2, "text": "Fixed"}\n'
    )
    with zipfile.ZipFile(folder / "more.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("in/a.md", "# Inner\n\nText in a zip file.\n")
        archive.writestr("in/b.bin", b"\0\1")
    (folder / "code.c").write_text("int main;\n")
    (folder / ".hidden.md").write_text("hidden\n")
    (folder / "README").write_text("Read me.\n")
    return folder
