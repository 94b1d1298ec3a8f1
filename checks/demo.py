"""The demo with the installed package: six answers, the right one first, and a picture."""

from __future__ import annotations

import os
import pathlib
import struct
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[1]
SECONDS = 300
FEWEST = (800, 500, 20_000)  # pixels across, pixels down, bytes of a picture that shows something


def answers(said: str) -> list[list[str]]:
    """Return the blocks of a question and the lines below it."""
    blocks = [block.splitlines() for block in said.split("\n\n")]
    return [block for block in blocks if len(block) > 1 and block[1].startswith("  0.")]


def picture_size(path: pathlib.Path) -> tuple[int, int, int]:
    """Return width, height and bytes of a PNG, from its IHDR."""
    data = path.read_bytes()
    assert data[:8] == b"\x89PNG\r\n\x1a\n" and data[12:16] == b"IHDR", "not a PNG"
    width, height = struct.unpack(">II", data[16:24])
    return width, height, len(data)


def main() -> int:
    """Run it in an empty folder, so that only the installed package can be imported."""
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONPATH"}
    with tempfile.TemporaryDirectory() as folder:
        done = subprocess.run(
            [sys.executable, str(ROOT / "demo" / "ask.py")],
            cwd=folder, env=environment, capture_output=True, text=True, timeout=SECONDS,
            check=False,
        )  # fmt: skip
        if done.returncode:
            print(f"{done.stdout}{done.stderr}\ndemo/ask.py ended with {done.returncode}")
            return 1
        found = answers(done.stdout)
        assert len(found) == 6, f"{len(found)} answers instead of six:\n{done.stdout}"
        question, first = found[0][:2]
        assert "zip file" in question, question
        name = first.split()[1]
        assert name.startswith("zipfile"), f"{question}: {first}"
        size = picture_size(pathlib.Path(folder) / "demo.png")
    assert all(have >= least for have, least in zip(size, FEWEST, strict=True)), size
    print(f"six answers, the first {name}; a picture of {size[0]} x {size[1]}, {size[2]:,} bytes")
    return 0


if __name__ == "__main__":
    sys.exit(main())
