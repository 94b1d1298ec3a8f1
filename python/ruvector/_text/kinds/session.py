"""ONNX files, run by the package onnxruntime on the processor."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Sequence
from functools import partial
from importlib import import_module
from typing import Any, Final, Generic, NamedTuple, TypeVar

import numpy as np
import numpy.typing as npt

from ... import _native
from ..._errors import EmbedError, MissingExtra
from ..._locks import Lock
from ..._native.task import Waiter, aside
from ..._settings import current

T = TypeVar("T")

PIP: Final = "pip install 'ruvector-arrow[onnx]'"
_FATAL: Final = 4  # what of its log is shown: faults are raised, and not printed too
_TYPES: Final = {
    "tensor(int64)": np.int64, "tensor(int32)": np.int32, "tensor(float)": np.float32,
    "tensor(float16)": np.float16, "tensor(double)": np.float64, "tensor(uint8)": np.uint8,
}  # fmt: skip


class Port(NamedTuple):
    """An input or output: its NumPy type (None: another), and its axes, None where any fits."""

    name: str
    told: str
    dtype: Any
    shape: tuple[int | None, ...]


class Session:
    """An opened ONNX file, which threads may run at the same time.

    A run uses one thread, so that what it gives does not depend on how many there are: work is
    shared out by whole runs, as `in_parallel` does.

    Attributes
    ----------
    path : str
    inputs, outputs : dict of Port
        By name, in the order of the file.
    """

    __slots__ = ("_process", "_session", "inputs", "outputs", "path")

    def __init__(self, path: str) -> None:
        self.path = path
        self._process = os.getpid()
        self._session = _opened(path)
        try:
            self.inputs = {port.name: port for port in map(_port, self._session.get_inputs())}
            self.outputs = {port.name: port for port in map(_port, self._session.get_outputs())}
        except ValueError as error:  # names of bytes that are no text
            raise EmbedError(f"{path} has inputs or outputs without names ({error})") from None

    def run(self, feeds: dict[str, npt.NDArray[Any]], output: str) -> npt.NDArray[Any]:
        """Return one output, of float32 or float16.

        Raises
        ------
        EmbedError
            The runtime fails, or the output is no array of floats.
        """
        try:
            (found,) = self._session.run([output], feeds)
        except Exception as error:
            raise EmbedError(f"onnxruntime fails: {error!s:.300}") from None
        if not isinstance(found, np.ndarray) or found.dtype.kind != "f":
            what = found.dtype if isinstance(found, np.ndarray) else type(found).__name__
            raise EmbedError(f"the model's output {output!r} is of {what}, not of floats")
        return found.astype(np.float32) if found.dtype == np.float64 else found

    def in_parallel(
        self, one: Callable[[int], T], rows: Sequence[int], told: Callable[[int], object]
    ) -> dict[int, T]:
        """Return by row what `one` returns for it, called on as many threads as are set.

        An interrupt is heard at once; a run that has begun then ends by itself. `told` gets the
        number of rows that are done.

        Raises
        ------
        ForkedProcessError
            It was opened before this process was forked: the runtime does not work in the child.
        EmbedError
            What `one` raised for the first row for which it does.
        """
        if os.getpid() != self._process:
            raise _native.forked_error()
        if not len(rows):
            return {}
        threads = min(current.threads or _native.library_info()["threads"], len(rows))
        shared = _Shared(one, list(rows))
        aside(partial(shared.all, threads), told)
        if shared.failed:
            raise shared.failed[min(shared.failed)]
        return shared.found


class _Shared(Generic[T]):
    """Rows that threads take one after the other, until one fails or nobody waits any more."""

    def __init__(self, one: Callable[[int], T], rows: list[int]) -> None:
        self._one = one
        self._rows = iter(rows)
        self._lock = Lock()
        self._stop = False
        self.found: dict[int, T] = {}
        self.failed: dict[int, Exception] = {}

    def all(self, threads: int, waiter: Waiter) -> None:
        others = [
            threading.Thread(target=self._take, args=(waiter,), daemon=True)
            for _ in range(threads - 1)
        ]
        for other in others:
            other.start()
        self._take(waiter)
        for other in others:
            other.join()

    def _take(self, waiter: Waiter) -> None:
        while not (waiter.gone or self._stop):
            with self._lock:
                row = next(self._rows, None)
            if row is None:
                return
            try:
                self.found[row] = self._one(row)
            except Exception as error:
                self.failed[row] = error
                self._stop = True  # rows before it were taken before, and end
            waiter.done = len(self.found)


def _opened(path: str) -> Any:
    try:
        onnxruntime = import_module("onnxruntime")
    except ImportError as error:
        raise MissingExtra(
            f"{os.path.basename(path)} needs {error.name or 'onnxruntime'}, which is not "
            f"installed: {PIP}",
            pip=PIP,
        ) from error
    if not os.path.isfile(path):
        raise EmbedError(f"{path} is not there, or is no file")
    return aside(partial(_open, onnxruntime, path))


def _open(onnxruntime: Any, path: str, waiter: Waiter) -> Any:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    options.log_severity_level = _FATAL
    options.enable_mem_pattern = False  # plans are for one shape; texts have all lengths
    try:
        return onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    except Exception as error:
        raise EmbedError(
            f"onnxruntime cannot open {path}: {error!s:.400}; get the file again, or a newer "
            "onnxruntime"
        ) from None


def _port(told: Any) -> Port:
    shape = tuple(axis if isinstance(axis, int) else None for axis in told.shape)
    return Port(told.name, told.type, _TYPES.get(told.type), shape)
