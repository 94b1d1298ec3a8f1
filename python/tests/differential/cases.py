"""One case: which promise is tried."""

from __future__ import annotations

import re
import traceback
import warnings
from dataclasses import dataclass

import ruvector as rv

from .changing import sequence_of_bits, sequence_of_numbers
from .deduping import duplicates
from .drawing import Case, Mismatch
from .framing import changed_cells, frames, scalar_columns, skipped_rows
from .fusing import words_and_vectors
from .joining import joins, neighbors, rows_like_a_row
from .merging import classic_classes, merged_shards
from .refusing import bad_arguments, bad_columns, bad_frames
from .scoring import scores
from .storing import closed_indexes, damaged_files
from .texting import texts

KINDS = {
    sequence_of_numbers: 50,
    sequence_of_bits: 13,
    frames: 20,
    joins: 8,
    duplicates: 8,
    scores: 6,
    neighbors: 2,
    rows_like_a_row: 2,
    changed_cells: 1,
    scalar_columns: 1,
    skipped_rows: 1,
    merged_shards: 4,
    classic_classes: 3,
    bad_columns: 4,
    bad_arguments: 3,
    bad_frames: 2,
    texts: 4,
    words_and_vectors: 4,
    damaged_files: 2,
    closed_indexes: 1,
}


@dataclass
class Finding:
    """A case that failed."""

    seed: str
    kind: str
    detail: str
    story: str
    where: str = ""


def run_case(seed: str) -> Finding | None:
    """Run one case; return what was found, None when the model agrees."""
    case = Case(seed)
    kind = case.weigh(KINDS)
    case.note(kind.__name__)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            kind(case)
    except Mismatch as error:
        where = "".join(traceback.format_exc().splitlines(keepends=True)[-12:])
        return Finding(seed, error.check, str(error), case.story(), where)
    except Exception as error:
        return Finding(seed, _class_of(error), repr(error), case.story(), traceback.format_exc())
    finally:
        case.close()
    return None


def _class_of(error: BaseException) -> str:
    """Name the kind of an error that should not be: its class, and its text without numbers."""
    words = re.sub(r"'[^']*'|[0-9][0-9.,e+-]*", "_", str(error))[:90]
    if isinstance(error, rv.RuVectorError):
        return f"refused: {type(error).__name__}: {words}"
    return f"escaped: {type(error).__name__}: {words}"
