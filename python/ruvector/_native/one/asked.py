"""The short path of one query: from what a person passes to arrays, at once on this thread.

Two ways do the same. A function that the library makes with Python's stable ABI reads the query and
makes the answer in C (cabi/python.c), where the interpreter and NumPy are those that it knows;
ctypes does it everywhere else, and where ``RUVECTOR_SEARCH_BY=ctypes`` says so.
"""

from __future__ import annotations

import ctypes
import os
import sys
from ctypes import byref, c_void_p, cast, py_object, sizeof
from typing import Any, Final, NamedTuple, Protocol

import numpy as np
import numpy.typing as npt

from ..arrow import address_in_capsule
from ..facts import Facts
from ..library import PATH, library, raise_error
from ..params import CLOSE_BOUNDS
from ..structs import Error, Python, PythonQuery
from .by_ctypes import search_one
from .scratch import SHORT_BYTES, Floats, cost_of, reads_under

_FLOATS: Final = np.dtype(np.float32), np.dtype(np.float64)
_MOST_ASKED: Final = 64  # ways of asking that a version of an index remembers

# Of the stable ABI, in the order of rv_python.
_FUNCTIONS: Final = (
    "PyEval_SaveThread", "PyEval_RestoreThread", "Py_IncRef", "Py_DecRef",
    "PyBytes_FromStringAndSize", "PyBytes_AsStringAndSize", "PyTuple_New", "PyTuple_SetItem",
    "PyTuple_Size", "PyTuple_GetItem", "PyList_Size", "PyList_GetItem", "PyFloat_AsDouble",
    "PyObject_CallFunction", "PyCFunction_NewEx",
)  # fmt: skip


class Way(Protocol):
    """How one query is asked."""

    def __call__(
        self, asked: Any, query: Any, mask: npt.NDArray[np.bool_] | None, /
    ) -> tuple[npt.NDArray[Any], Floats, bytes] | None:
        """Return ids and scores of the rows found and the bytes of an rv_plan.

        None for a query that is neither an array of as many floats as the index has dimensions, nor
        a list or tuple of them, nor short under this mask, which is contiguous.
        """


class Asked(NamedTuple):
    """Everything of a search of one query but query and mask, made once and used by any thread."""

    way: Way
    rest: Any
    calibrated: bool
    cost: int

    def short(self, facts: Facts, mask: npt.NDArray[np.bool_] | None) -> bool:
        """Return whether the search takes too little time to be interrupted."""
        return self.cost < SHORT_BYTES or reads_under(facts, self.cost, mask) < SHORT_BYTES


def asked_of(
    known: dict[Any, Asked], facts: Facts, k: int, rerank: int, recall: float, probes: int
) -> Asked | None:
    """Return how one query is asked, the numbers being those of rv_search_params.

    `known` is what the version of `facts` remembers; what is short and asks for nothing else is
    found by the bare k too, or by (k, recall). None where rows are bits or ids are texts.
    """
    if facts.packed or facts.id_kind == "string" or not facts.dim:
        return None
    key = k, rerank, recall, probes
    found = known.get(key)
    if found is None:
        if len(known) >= _MOST_ASKED:
            known.clear()
        found = known[key] = _asked_anew(facts, min(k, facts.rows), rerank, recall, probes)
        if found.cost < SHORT_BYTES and rerank == CLOSE_BOUNDS and not probes:
            known[(k, recall) if recall else k] = found
    return found


def _asked_anew(facts: Facts, k: int, rerank: int, recall: float, probes: int) -> Asked:
    way = _ways.in_c()
    cost = cost_of(facts, k, rerank, recall, probes)
    asked: Any = facts, k, rerank, recall, probes
    if way is None:
        return Asked(_by_ctypes, asked, facts.calibrated, cost)
    packed = PythonQuery(
        index=facts.handle, dim=facts.dim, k=k, rerank=rerank, probes=probes, recall=recall,
        uint64_ids=facts.id_kind == "uint64",
    )  # fmt: skip
    return Asked(way, bytes(packed), facts.calibrated, cost)


def _by_ctypes(
    asked: Any, query: Any, mask: npt.NDArray[np.bool_] | None, /
) -> tuple[npt.NDArray[Any], Floats, bytes] | None:
    facts: Facts
    facts, k, rerank, recall, probes = asked
    if type(query) is not np.ndarray or query.dtype not in _FLOATS or query.shape != (facts.dim,):
        return None
    found = search_one(facts, query, k, rerank, 0.0, recall, probes, mask)
    if found is None or facts.id_kind != "uint64":
        return found
    return found[0].view(np.uint64), *found[1:]


class _Ways:
    """The function that C makes, once a process."""

    __slots__ = ("_known", "_way")

    def __init__(self) -> None:
        self._known = False
        self._way: Way | None = None

    def in_c(self) -> Way | None:
        """Return the function, None where there is none; making it twice does no harm."""
        if not self._known:
            self._way = None if os.environ.get("RUVECTOR_SEARCH_BY") == "ctypes" else made_in_c()
            self._known = True
        return self._way


_ways: Final = _Ways()


def made_in_c() -> Way | None:
    """Return the function of cabi/python.c; None where interpreter or NumPy are of another kind."""
    if sys.implementation.name != "cpython" or "t" in sys.abiflags or sizeof(c_void_p) != 8:
        return None
    numpy_api = _numpy_api()
    if numpy_api is None:
        return None
    probe = np.arange(6, dtype=np.float32)[1::2][:3]
    probe[2] = 3
    given = [cast(getattr(ctypes.pythonapi, name), c_void_p).value for name in _FUNCTIONS]
    given += [id(None), id(np.ndarray), id(list), id(tuple), id(float)]
    given += [numpy_api, id(probe), id(_failed)]
    names = [field[0] for field in Python._fields_[2:]]
    table = Python(size=sizeof(Python), **dict(zip(names, given, strict=True)))
    made = py_object()
    locked = ctypes.PyDLL(PATH, handle=library()._handle)  # keeps the interpreter's lock
    if locked.rv_python_search(byref(table), byref(made)):
        return None
    way: Way = made.value
    return way


def _numpy_api() -> int | None:
    """Return the address of the table that extensions find NumPy's C functions in."""
    for package in ("numpy._core", "numpy.core"):
        inside = sys.modules.get(f"{package}._multiarray_umath")
        if inside is not None and hasattr(inside, "_ARRAY_API"):
            return address_in_capsule(inside._ARRAY_API)
    return None


def _failed(kind: int, error: int) -> None:
    """Raise what a search wrote into the rv_error at an address."""
    raise_error(kind, Error.from_address(error))
