"""WordNet's glosses as vectors: ``python -m peers.glosses WORDNET_FOLDER FILE.npy``.

Runs in the environment of requirements-text.txt: all-MiniLM-L6-v2 in int8, out of a wheel, on two
threads. Some 92,000 short texts take minutes, once.
"""

from __future__ import annotations

import pathlib
import sys

import numpy as np
from retrieval import wordnet
from retrieval.peers import minilm


def glosses(folder: pathlib.Path) -> list[str]:
    """Every gloss of three words or more once, nouns then verbs, in the order of the files."""
    told = (one.gloss for one in wordnet.synsets(folder))
    return list(dict.fromkeys(text for text in told if len(text.split()) >= 3))


def main(folder: pathlib.Path, file: pathlib.Path) -> int:
    """Embed them all; the file appears when it is whole."""
    made = file.with_suffix(".part")
    with made.open("wb") as out:
        np.save(out, minilm().documents(glosses(folder)))
    made.rename(file)
    return 0


if __name__ == "__main__":
    sys.exit(main(pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2])))
