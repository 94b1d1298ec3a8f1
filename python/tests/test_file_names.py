"""`~` is the home folder wherever a path is taken."""

from pathlib import Path

import numpy as np
import pytest

import ruvector as rv

ROWS = np.random.default_rng(5).standard_normal((300, 16)).astype("f4")


def test_a_tilde_is_the_home_folder_wherever_a_path_is_taken(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    classic = rv.FlatF32Index.build(ROWS)
    for index, load in (
        (rv.Index.build(ROWS, keep="copy"), rv.Index.load),
        (classic, rv.FlatF32Index.load),
    ):
        for path in ("~/a.rvx", Path("~/a.rvx"), b"~/a.rvx"):
            index.save(path)
            assert [file.name for file in tmp_path.iterdir()] == ["a.rvx"]
            load(path)
            (tmp_path / "a.rvx").unlink()
    with pytest.raises(FileNotFoundError) as caught:
        rv.Index.load("~/none.rvx")
    assert caught.value.filename == str(tmp_path / "none.rvx")
