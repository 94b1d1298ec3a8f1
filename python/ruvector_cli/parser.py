"""What a command line may say. Imports argparse and nothing else that takes time."""

from __future__ import annotations

import argparse
import os

from .problem import Usage

TYPE_CHECKING = False  # importing typing for it would take as long as all of this file
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import NoReturn

METRICS = "cosine", "dot", "l2", "euclidean", "sqeuclidean"
KINDS = "auto", "exact", "flat", "ivf"

EXITS = """\
exit codes:
  0 done   1 the data or a file   2 the command line   130 Ctrl-C   141 nobody reads the output

The answer goes to standard output, all else to standard error; progress is shown on a terminal.
`ruvector VERB --help` tells the options of a verb."""


class _Parser(argparse.ArgumentParser):
    """An ArgumentParser whose errors are ours to print."""

    def error(self, message: str) -> NoReturn:
        raise Usage(message, self.prog)


def parse(words: Sequence[str]) -> argparse.Namespace | None:
    """Return what is asked; None when help or the version was asked, and printed.

    Raises
    ------
    Usage
        The words make no command.
    """
    parser = command()
    try:
        asked = parser.parse_args(words)
    except SystemExit:  # only of actions that have printed: errors are raised above
        return None
    if asked.version:
        print(f"ruvector {version()}")
        return None
    if asked.verb is None:
        raise Usage(f"no verb; there are {', '.join(VERBS)}", "ruvector")
    return asked


def version() -> str:
    """Return the version of the package beside this one, which is not imported for it."""
    path = os.path.join(os.path.dirname(__file__), os.pardir, "ruvector", "_version.py")
    found: dict[str, str] = {}
    with open(path, encoding="utf-8") as file:
        exec(file.read(), found)
    return found["__version__"]


def command() -> argparse.ArgumentParser:
    """Return the parser of the whole command."""
    parser = _Parser(
        prog="ruvector",
        description="Vector search over parquet files and indexes.",
        epilog=EXITS,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("--version", action="store_true", help="print the version and end")
    verbs = parser.add_subparsers(dest="verb", metavar="VERB", title="verbs")
    for name, (told, add) in VERBS.items():
        verb = verbs.add_parser(name, help=told, description=told, allow_abbrev=False)
        add(verb)
        group = verb.add_argument_group("output")
        group.add_argument("--json", action="store_true", help="answer and errors as JSON")
        group.add_argument("--quiet", action="store_true", help="no progress, no warnings")
    return parser


def number(least: int) -> Callable[[str], int]:
    """Return a reader of whole numbers from `least` on."""

    def read(text: str) -> int:
        try:
            value = int(text)
        except ValueError:
            raise argparse.ArgumentTypeError(f"{text!r} is not a whole number") from None
        if value < least:
            raise argparse.ArgumentTypeError(f"{text} must be {least} or more")
        return value

    return read


def decimal(text: str) -> float:
    """Return a number that may have a fraction."""
    try:
        return float(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number") from None


def names(text: str) -> list[str]:
    """Return names with commas between them."""
    return [name for name in text.split(",") if name]


def _threads(verb: argparse.ArgumentParser) -> None:
    verb.add_argument(
        "--threads", type=number(1), metavar="N", help="threads; all cores when not given"
    )


def _attached(verb: argparse.ArgumentParser) -> None:
    verb.add_argument(
        "--vectors",
        nargs="+",
        metavar="FILE",
        help="the vectors that the index was built from, for exact scores: one .npy file, or "
        "parquet files, patterns and folders",
    )
    verb.add_argument("--column", metavar="NAME", help="column of --vectors in parquet files")


def _info(verb: argparse.ArgumentParser) -> None:
    verb.add_argument("index", metavar="X.rvx", help="file of an index")


def _verify(verb: argparse.ArgumentParser) -> None:
    _info(verb)
    _attached(verb)


def _search(verb: argparse.ArgumentParser) -> None:
    _info(verb)
    asked = verb.add_mutually_exclusive_group(required=True)
    asked.add_argument(
        "--vector",
        metavar="JSON|FILE",
        help="'[0.1, ...]', a .npy or .json file, or - for JSON on standard input; a matrix asks "
        "one query a row",
    )
    asked.add_argument(
        "--text", action="append", metavar="TEXT", help="a question; several make a batch"
    )
    verb.add_argument("--k", type=number(1), default=10, metavar="K", help="rows to find (10)")
    verb.add_argument("--recall", type=decimal, metavar="R", help="share of the true neighbours")
    verb.add_argument("--probes", type=number(1), metavar="N", help="cells to look into (ivf)")
    verb.add_argument(
        "--model", metavar="NAME", help="embedder of --text; what made the index when not given"
    )
    _attached(verb)
    _threads(verb)


def _build(verb: argparse.ArgumentParser) -> None:
    verb.add_argument(
        "inputs", nargs="+", metavar="IN", help="parquet files, patterns, folders; or one .npy file"
    )
    verb.add_argument(
        "--column", metavar="NAME", help="column of vectors; the only one when not given"
    )
    verb.add_argument("--out", required=True, metavar="X.rvx", help="file of the index, replaced")
    verb.add_argument("--ids", metavar="NAME", help="column of ids; positions when not given")
    verb.add_argument("--metric", choices=METRICS, help="cosine when not given")
    verb.add_argument("--kind", choices=KINDS, help="by the number of rows when not given")
    verb.add_argument("--bits", type=number(1), metavar="N", help="bits a dimension, 1 to 9")
    verb.add_argument("--cells", type=number(1), metavar="N", help="cells of kind ivf")
    verb.add_argument("--recall", type=decimal, metavar="R", help="share of true neighbours (0.95)")
    verb.add_argument(
        "--keep",
        choices=("files", "inside", "none"),
        default="files",
        help="where the vectors stay: in their files, for `--vectors` (default); inside the index; "
        "nowhere, with more bits a dimension",
    )
    verb.add_argument("--nulls", choices=("error", "skip"), help="rows without a vector (error)")
    verb.add_argument("--seed", type=number(0), metavar="N", help="of rotation and cells (42)")
    _memory(verb)
    _threads(verb)


def _score(verb: argparse.ArgumentParser) -> None:
    verb.add_argument("inputs", nargs="+", metavar="IN", help="parquet files, patterns, folders")
    verb.add_argument("--index", required=True, metavar="X.rvx", help="file of the index")
    verb.add_argument("--out", required=True, metavar="DIR", help="folder of the parts")
    verb.add_argument("--on", required=True, metavar="COLUMN", help="vectors, or texts")
    verb.add_argument("--k", type=number(1), default=10, metavar="K", help="rows to find (10)")
    verb.add_argument(
        "--columns", type=names, metavar="A,B", help="columns passed on; all but --on by default"
    )
    verb.add_argument(
        "--right", metavar="FILE", help="parquet file of the index's rows: its columns come beside"
    )
    verb.add_argument("--ids-on", metavar="NAME", help="column of --right with the index's ids")
    verb.add_argument("--id-column", metavar="NAME", help="name of the column of ids found (id)")
    verb.add_argument("--where", metavar="FILE.npy", help="booleans: rows of the index to find")
    limits = verb.add_mutually_exclusive_group()
    limits.add_argument("--min-similarity", type=decimal, metavar="S", help="cosine, dot")
    limits.add_argument("--max-distance", type=decimal, metavar="D", help="l2, sqeuclidean")
    verb.add_argument("--batch-rows", type=number(1), metavar="N", help="rows read at a time")
    verb.add_argument(
        "--no-resume", action="store_true", help="refuse a folder with parts, do not go on"
    )
    verb.add_argument(
        "--on-error",
        choices=("stop", "skip"),
        default="stop",
        help="a bad file stops the job, or is set aside and named (stop)",
    )
    verb.add_argument("--model", metavar="NAME", help="embedder of texts; that of the index")
    _memory(verb)
    _attached(verb)
    _threads(verb)


def _memory(verb: argparse.ArgumentParser) -> None:
    verb.add_argument("--memory", metavar="SIZE", help="most memory for the work, such as 2GB")


VERBS: dict[str, tuple[str, Callable[[argparse.ArgumentParser], None]]] = {
    "score": ("Score every row of parquet files against an index; resumes by itself.", _score),
    "build": ("Build an index of the vectors in parquet files.", _build),
    "search": ("Find the rows of an index nearest to a vector or a text.", _search),
    "info": ("Say what an index is.", _info),
    "verify": ("Read every byte of an index and compare it with its checksums.", _verify),
}
