"""Ctrl-C wherever the manifest is written: parts that have their names are not made again."""

from __future__ import annotations

import pathlib
from typing import Any

import pytest
from scoring_job import files, index, parts

import ruvector as rv
from ruvector._parquet.scoring import manifest as manifests
from ruvector._parquet.scoring import running


@pytest.mark.parametrize("when", range(1, 5))
@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
def test_parts_with_names_are_kept_wherever_ctrl_c_comes(
    tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch, when: int, after: bool
) -> None:
    folder, write, calls = files(tmp_path / "in"), manifests.write, []

    def interrupted(*given: Any) -> None:
        calls.append(given)
        if len(calls) == when and not after:
            raise KeyboardInterrupt
        write(*given)
        if len(calls) == when:
            raise KeyboardInterrupt

    monkeypatch.setattr(running, "_SPARED", 0)  # written after every part
    monkeypatch.setattr(manifests, "write", interrupted)
    out = tmp_path / "out"
    with pytest.raises(KeyboardInterrupt):
        rv.score_parquet(folder, index(), out=out, on="emb", k=3)
    monkeypatch.undo()
    named = parts(out)
    report = rv.score_parquet(folder, index(), out=out, on="emb", k=3)
    assert (report.parts_before, report.parts_done) == (len(named), 3 - len(named))
    whole = tmp_path / "whole"
    rv.score_parquet(folder, index(), out=whole, on="emb", k=3)
    for path in whole.iterdir():
        assert (out / path.name).read_bytes() == path.read_bytes()
