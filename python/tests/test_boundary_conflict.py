"""Beside the other distribution of the name, import says a sentence that mends it."""

from __future__ import annotations

import subprocess
import sys

import pytest
from test_native_interface import PACKAGE

from ruvector import _conflict

OWNED = "ruvector/__init__.py,sha256=x,1\nruvector/_native.abi3.so,sha256=x,1\n"


def install(site, name: str, record: str) -> None:
    info = site / f"{name}.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text(
        f"Metadata-Version: 2.1\nName: {name.split('-')[0]}\nVersion: {name.split('-')[1]}\n"
    )
    (info / "RECORD").write_text(record)


def test_the_other_distribution_is_named_with_both_commands(tmp_path):
    install(tmp_path, "ruvector-0.1.4", OWNED)
    install(tmp_path, "ruvector_arrow-0.1.0", "ruvector/__init__.py,,\n")
    with pytest.raises(ImportError) as caught:
        _conflict.refuse_other_distribution(str(tmp_path / "ruvector"))
    said = str(caught.value)
    for part in (
        "ruvector-arrow", "ruvector (0.1.4)", "pip uninstall -y ruvector ruvector-arrow",
        "pip install ruvector-arrow",
    ):  # fmt: skip
        assert part in said


@pytest.mark.parametrize(
    "name, record",
    [
        ("ruvector_arrow-0.1.0", "ruvector/__init__.py,,\n"),
        ("ruvector-9.0", "something_else/__init__.py,,\n"),
        ("ruvector_core-0.1.4", "ruvector_core/__init__.py,,\n"),
    ],
)
def test_distributions_that_own_other_files_are_fine(tmp_path, name, record):
    install(tmp_path, name, record)
    _conflict.refuse_other_distribution(str(tmp_path / "ruvector"))


def test_a_package_outside_a_folder_is_fine(tmp_path):
    _conflict.refuse_other_distribution(str(tmp_path / "archive.zip" / "ruvector"))


def test_import_refuses_where_a_module_of_the_other_hides_ours(tmp_path):
    site = tmp_path / "site"
    install(site, "ruvector-0.1.4", OWNED)
    package = site / "ruvector"
    for file in PACKAGE.glob("ruvector*/**/*.py"):
        copy = site / file.relative_to(PACKAGE)
        copy.parent.mkdir(parents=True, exist_ok=True)
        copy.write_bytes(file.read_bytes())
    # As its extension module would: found in place of ours, imported without complaint.
    (package / "_native" / "__init__.py").write_text("PROJECT = 'another'\n")
    done = subprocess.run(
        [sys.executable, "-c", "import ruvector"],
        env={"PYTHONPATH": str(site)}, capture_output=True, text=True, cwd=tmp_path,
    )  # fmt: skip
    assert done.stderr.splitlines()[-1].startswith("ImportError: the distributions ruvector-arrow")
    script = "import sys, ruvector_cli; sys.exit(ruvector_cli.main())"
    done = subprocess.run(
        [sys.executable, "-c", script, "info", "x.rvx"],
        env={"PYTHONPATH": str(site)}, capture_output=True, text=True, cwd=tmp_path,
    )  # fmt: skip
    assert done.returncode == 1 and done.stderr.startswith("ruvector: info failed: ImportError")
    assert "pip uninstall -y ruvector ruvector-arrow" in done.stderr
