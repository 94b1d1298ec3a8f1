"""`BackendAdapter`: stores of vectors that are written in Python."""

from __future__ import annotations

import operator
import traceback
import weakref
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable
from typing import Any, ClassVar, Final

import numpy as np

from .._arguments import positive
from .._errors import (
    BackendError,
    InvalidArgument,
    RuVectorError,
    UnknownCollection,
    keep_cause,
)
from .._input.masks import read_row_ids
from .._input.vectors import read_vectors
from .._native.handle import Handle
from .._native.lake import adapter as native
from .._native.lake.adapter import Question
from . import serving

_MOST_NUMBER: Final = 2**64 - 1
_MOST_TEXT: Final = 4096  # bytes of a generation or a data reference
_TRIES: Final = 3  # pulls of a collection that changes while it is pulled


class BackendAdapter(ABC):
    """A store of named collections of vectors, as a lake reads it. Inherit it for your own.

    Three methods are enough: `list_collections`, `generation` and `pull_vectors`. Then ``id`` must
    be there, as an attribute or a property.

    Attributes
    ----------
    id : str
        The name of the store; unique in a lake.
    max_calls : int
        How many calls may run at once, 8 unless the class says otherwise. 1 for a store that
        cannot be used from two threads.

    Notes
    -----
    The methods are called on threads of this process that belong to the lake, several at once and
    never on the thread that searches, so that Ctrl-C and deadlines end a search whose store hangs.
    What they raise arrives as BackendError with the original as ``__cause__``, or as
    UnknownCollection where that is what was raised. Each lake that an adapter is registered with
    has threads of its own for it.

    Examples
    --------
    >>> import numpy as np, ruvector as rv
    >>> class Two(rv.BackendAdapter):
    ...     id = "two"
    ...     def list_collections(self):
    ...         return ["docs"]
    ...     def generation(self, collection):
    ...         return 1
    ...     def pull_vectors(self, collection):
    ...         return ["a", "b"], np.eye(2, dtype="float32")
    >>> rv.RuLake([Two()]).search_one("docs", [0.0, 1.0], k=1).ids.tolist()
    ['b']
    """

    id: str
    max_calls: int = 8
    _owned: ClassVar[bool] = False  # whether nobody writes to what pull_vectors returned

    @abstractmethod
    def list_collections(self) -> Iterable[str]:
        """Return the names of all collections, in any order."""

    @abstractmethod
    def generation(self, collection: str) -> int | str:
        """Return which state a collection is in.

        Equal values mean equal ids and vectors. A number, from 0 to 2**64 - 1, must never shrink;
        a text, of at most 4,096 bytes, has no order. Asked before every search that must be fresh:
        it should be quick.

        Raises
        ------
        UnknownCollection
            There is no such collection.
        """

    @abstractmethod
    def pull_vectors(self, collection: str) -> Any:
        """Return the rows of a collection.

        Returns
        -------
        (ids, vectors) or (ids, vectors, generation)
            n whole numbers or texts, each once; anything that holds n vectors, shape (n, d); and
            the generation that they are of. Without it `generation` is asked before and after, and
            the rows are pulled again if it has changed.
        Arrow stream or (Arrow stream, generation)
            An object with ``__arrow_c_stream__`` whose tables have the columns "id" and "vector".

        Raises
        ------
        UnknownCollection
            There is no such collection.
        """

    def current_bundle(self, collection: str) -> Any:
        """Return a RuLakeBundle that says what the lake does not know of a collection.

        Policies, a lineage, a memory class, a data reference; the lake puts in its own seed and
        rerank factor. Not asked unless a class overrides it.
        """
        raise NotImplementedError

    def data_ref(self, collection: str) -> str:
        """Return where the data of a collection are: the same text means the same data.

        ``{id}://{collection}`` unless a class says otherwise.
        """
        return f"{self.id}://{collection}"

    def _handle_for(self, lake: Any) -> Handle:
        """Return the store for a lake that registers it, answered until the lake is gone."""
        name = getattr(self, "id", None)
        if not isinstance(name, str):
            raise InvalidArgument(
                f"{type(self).__name__}.id is {name!r:.60}; a store has a name, which is text"
            )
        if name in getattr(lake, "_stores", ()):  # before threads are started for it
            raise InvalidArgument(f"there is a backend named {name!r} already")
        describes = type(self).current_bundle is not BackendAdapter.current_bundle
        store = native.new_adapter(_text("id", name), describes)
        answers = Answers(self, name)
        serving.serve(store, answers.answer, positive("max_calls", self.max_calls))
        weakref.finalize(lake, serving.stop, store)
        return store


class Answers:
    """What an adapter says, checked."""

    def __init__(self, adapter: BackendAdapter, name: str) -> None:
        self._adapter = adapter
        self._name = name

    def answer(self, store: Handle, question: Question) -> None:
        """Answer one question, with an error if the adapter raises."""
        try:
            match question.op:
                case "collections":
                    native.answer(store, question.id, self._names())
                case "stamp":
                    native.answer(store, question.id, self._stamp(question.collection))
                case "bundle":
                    native.answer(store, question.id, self._bundle(question.collection))
                case "pull":
                    self._pull(store, question)
                case _:
                    raise BackendError(f"it cannot answer {question.op!r}")
        except BaseException as error:
            _fail(store, question, error)

    def _names(self) -> list[str]:
        names: list[str] = _called(self._adapter.list_collections, then=list)
        for name in names:
            if not isinstance(name, str):
                raise BackendError(
                    f"list_collections() returned {name!r:.60}, of type {type(name).__name__}, "
                    "among the names; names are texts"
                )
            _text("list_collections(): a name", name)
        return names

    def _stamp(self, collection: str) -> dict[str, Any]:
        where = _called(self._adapter.data_ref, collection)
        if not isinstance(where, str):
            raise BackendError(f"data_ref() returned {where!r:.60}, which is no text")
        return {
            "data_ref": _text("data_ref()", where), "generation": self._generation(collection),
        }  # fmt: skip

    def _generation(self, collection: str) -> int | str:
        return generation_of(_called(self._adapter.generation, collection), "generation()")

    def _bundle(self, collection: str) -> str:
        bundle: Any = _called(self._adapter.current_bundle, collection)
        to_json = getattr(bundle, "to_json", None)
        if to_json is None:
            raise BackendError(
                f"current_bundle() returned {bundle!r:.60}, which is no RuLakeBundle"
            )
        return str(to_json())

    def _pull(self, store: Handle, question: Question) -> None:
        """Answer with rows of one generation."""
        collection = question.collection
        before: int | str = 0
        for _ in range(_TRIES):
            before = self._generation(collection)
            got = _called(self._adapter.pull_vectors, collection)
            rows, generation = _taken_apart(got)
            if not isinstance(rows, tuple):
                self._send(store, question, rows, before, generation)
                return
            after = self._generation(collection) if generation is None else before
            if generation is not None or after == before:
                self._give(store, question, rows, before if generation is None else generation)
                return
            if not native.is_wanted(store, question.id):
                return
        raise BackendError(
            f"pull_vectors(): the collection changed {_TRIES} times while it was pulled (it was of "
            f"generation {before!r} before the last time); return (ids, vectors, generation), read "
            "in one transaction"
        )

    def _give(
        self, store: Handle, question: Question, rows: tuple[Any, Any], generation: int | str
    ) -> None:
        """Answer with ids and vectors."""
        ids, vectors = rows
        try:
            names = read_row_ids(ids)
            column = read_vectors(vectors, "vectors", warn=False)
        except RuVectorError as error:
            raise _odd("pull_vectors()", error) from error
        try:
            if column.nulls:
                row = 0 if column.validity is None else int(np.argmin(column.validity))
                raise BackendError(
                    f"pull_vectors() returned {column.nulls} null vectors of {column.rows}; leave "
                    "these rows out",
                    row=row,
                )
            if len(names) != column.rows:
                raise BackendError(
                    f"pull_vectors() returned {len(names)} ids for {column.rows} vectors"
                )
            owned = self._adapter._owned or column.copied
            native.answer_rows(store, question.id, names, column.handle, generation, owned)
        finally:
            column.close()

    def _send(
        self, store: Handle, question: Question, rows: Any, before: int | str,
        generation: int | str | None,
    ) -> None:  # fmt: skip
        """Answer with a stream."""
        stamp = before if generation is None else generation
        try:
            sent = native.answer_stream(store, question.id, rows, stamp, self._adapter._owned)
        finally:
            done = getattr(rows, "_ruvector_done", None)  # of ours, which hold a transaction
            if done is not None:
                done()
        if sent is None:
            return
        why = "it ended without saying so"
        try:
            after = before
            if generation is None:
                after = self._generation(question.collection)
            why = "" if after == before else (
                f"the collection changed from generation {before!r} to {after!r} while it was "
                "pulled; return (stream, generation), read in one transaction"
            )  # fmt: skip
        except BaseException as error:
            why = str(error)
        finally:
            sent.end(why or None)


def _taken_apart(got: Any) -> tuple[Any, int | str | None]:
    """Return a pair (ids, vectors) or a stream, and the generation if it was given."""
    if isinstance(got, tuple | list):
        if len(got) == 3:
            return (got[0], got[1]), generation_of(got[2], "pull_vectors(): the generation")
        if len(got) == 2 and isinstance(got[1], int | str | np.integer):
            return _stream(got[0], got[1]), generation_of(got[1], "pull_vectors(): the generation")
        if len(got) == 2:
            return (got[0], got[1]), None
        raise BackendError(
            f"pull_vectors() returned a {type(got).__name__} of {len(got)}; return (ids, vectors), "
            "(ids, vectors, generation) or an Arrow stream"
        )
    return _stream(got), None


def _stream(got: Any, *rest: Any) -> Any:
    if hasattr(got, "__arrow_c_stream__"):
        return got
    kinds = " and ".join(f"a {type(part).__name__}" for part in (got, *rest))
    raise BackendError(
        f"pull_vectors() returned {kinds}; return (ids, vectors), (ids, vectors, "
        "generation) or an object with __arrow_c_stream__"
    )


def generation_of(value: Any, what: str) -> int | str:
    """Return a generation as a number or a text.

    Raises
    ------
    BackendError
        It is neither, or too large.
    """
    if isinstance(value, str):
        return _text(what, value)
    number = None
    if not isinstance(value, bool | np.bool_):
        try:
            number = operator.index(value)
        except TypeError:
            number = None
    if number is None or not 0 <= number <= _MOST_NUMBER:
        raise BackendError(
            f"{what} is {value!r:.60}, of type {type(value).__name__}; a generation is a whole "
            "number from 0 to 2**64 - 1, or a text"
        )
    return number


def _text(what: str, text: str) -> str:
    try:
        size = len(text.encode())
    except UnicodeEncodeError:
        raise BackendError(f"{what} is {text!r:.60}, which is not valid UTF-8") from None
    if size > _MOST_TEXT:
        raise BackendError(
            f"{what} is a text of {size:,} bytes; at most {_MOST_TEXT:,} are allowed"
        )
    return str(text)


class _Raised(Exception):
    """What a method of the adapter raised; `__cause__` is that."""


def _called(method: Callable[..., Any], *arguments: Any, then: Any = None) -> Any:
    """Call a method of the adapter; what it raises is told from what we raise of its answer."""
    try:
        said = method(*arguments)
        return said if then is None else then(said)
    except BaseException as error:
        name = getattr(method, "__name__", "a method")
        raise _Raised(f"{name}() raised {type(error).__name__}: {error}") from error


def _odd(what: str, error: RuVectorError) -> BackendError:
    made = BackendError(f"{what} returned what cannot be read: {error}")
    made.row, made.column = error.row, error.column
    return made


def _fail(store: Handle, question: Question, error: BaseException) -> None:
    """Answer with an error, and keep what was raised for whoever asked."""
    cause: BaseException = error
    kind, message = BackendError.kind, f"{type(error).__name__}: {error}"
    if isinstance(error, _Raised) and error.__cause__ is not None:
        cause, message = error.__cause__, str(error)
        if isinstance(cause, UnknownCollection):
            kind, message = UnknownCollection.kind, str(cause)
    elif isinstance(error, RuVectorError):
        cause, message = error.__cause__ or error, str(error)
    # What the frames hold may be all that was read.
    traceback.clear_frames(cause.__traceback__)
    native.fail(store, question.id, kind, keep_cause(cause), message)
