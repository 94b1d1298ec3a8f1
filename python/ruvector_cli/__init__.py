"""The command ``ruvector``; ``python -m ruvector`` is the same.

Standard output has the answer, standard error everything else: progress where a person looks (a
terminal), warnings, errors. With ``--json`` the answer is one JSON document, and so is an error.

====  ======================================================================================
exit  meaning
====  ======================================================================================
0     done
1     the data, a file or the machine do not allow it; the error says what, where and why
2     the command is not understood: an option or a value that has no meaning
130   stopped by Ctrl-C
141   nobody reads the output any more, as in ``ruvector ... | head``
====  ======================================================================================

The command is a package of its own because a module inside ``ruvector`` is imported after all of
``ruvector``, which takes many times as long as ``--help`` may. Here nothing but argparse is
imported before the verb is known; the verbs are files of ``verbs``.
"""

from __future__ import annotations

import io
import os
import sys

from .parser import parse
from .problem import Problem, explain

TYPE_CHECKING = False  # importing typing for it would take as long as all of this file
if TYPE_CHECKING:
    from collections.abc import Sequence

DONE, DATA, USAGE, INTERRUPTED, NOBODY_READS = 0, 1, 2, 130, 141


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; returns its exit code.

    Parameters
    ----------
    arguments : sequence of str, optional
        What stands behind ``ruvector``; by default that of this process.
    """
    words = sys.argv[1:] if arguments is None else list(arguments)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # names of files are any bytes
    try:
        return _run(words)
    except KeyboardInterrupt as error:
        # Not the end of the process by SIGINT: what is documented is a number.
        return _failed(explain(error, words, INTERRUPTED), words)
    except BrokenPipeError:
        _drop(sys.stdout)
        return NOBODY_READS
    except Exception as error:
        return _failed(explain(error, words, DATA), words)


def _run(words: list[str]) -> int:
    asked = parse(words)
    if asked is None:  # help or the version was printed
        _flush()
        return DONE
    from .verbs import run

    run(asked)
    _flush()
    return DONE


def _flush() -> None:
    """Write what is left: a full disk is an error here, and not a line at the end of Python."""
    if sys.stdout is not None:
        sys.stdout.flush()


def _failed(problem: Problem, words: list[str]) -> int:
    """Print what went wrong, however the streams are; returns the exit code."""
    _drop_unwritten()
    try:
        if sys.stderr is not None:
            print(problem.json() if "--json" in words else problem.block(), file=sys.stderr)
            sys.stderr.flush()
    except OSError:  # nobody reads it
        _drop(sys.stderr)
    return problem.exit


def _drop_unwritten() -> None:
    """Have Python not complain again about output that cannot be written."""
    try:
        _flush()
    except (OSError, ValueError):
        _drop(sys.stdout)


def _drop(stream: object) -> None:
    """Send what a stream still holds nowhere."""
    try:
        number: int = stream.fileno()  # type: ignore[attr-defined]
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, number)
        os.close(nowhere)
    except (OSError, ValueError, AttributeError):
        return
