"""The user's own embedders: callables, and objects of the packages that people embed with."""

from __future__ import annotations

import inspect
import time
from collections.abc import Callable, Hashable, Iterator
from contextvars import copy_context
from types import MethodType
from typing import Any, Final, NamedTuple

import numpy as np

from .._errors import EmbedError, InvalidArgument
from .._input.cells import Validity
from .._input.vectors import Float32Matrix
from .._native.task import Waiter, aside
from .answered import held, matrix_of
from .batches import Look, Told
from .model import Model

# Their objects compute in calls that hear no interrupt, and keep nothing that is one thread's.
_ASIDE: Final = frozenset({"sentence_transformers", "fastembed", "model2vec", "FlagEmbedding"})
_NAMES: Final = (
    "model_name", "model", "model_id", "model_name_or_path", "repo_id", "base_model_name",
)  # fmt: skip
_LONGEST_NAME: Final = 200
_DOCUMENT_PROMPTS: Final = ("document", "passage", "corpus")  # sentence-transformers' own order

Ask = Callable[..., Any]


class _Ways(NamedTuple):
    """How an object is asked: for documents, and for queries where that differs."""

    documents: Ask
    queries: Ask | None = None
    awaited: bool = False  # they are coroutine functions
    key: Any = None  # what tells it from others: the method that is asked


def open_foreign(spec: Any, timeout: float | None = None) -> Model:
    """Return the model that an object or a callable is.

    Parameters
    ----------
    spec : callable or object
        With ``encode`` (and ``encode_query``, ``encode_document``, or prompts), with
        ``embed_documents`` and ``embed_query``, with ``embed`` (and ``query_embed``), or to be
        called; each may be a coroutine function, and ``aembed_documents`` may stand alone.
    timeout : float, optional
        Seconds that one call may take.

    Raises
    ------
    EmbedError
        It is none of these.
    """
    if timeout is not None and (
        isinstance(timeout, bool) or not isinstance(timeout, int | float) or not timeout > 0
    ):
        raise InvalidArgument(f"timeout={timeout!r:.40}: pass seconds, more than 0")
    if isinstance(spec, type):
        raise EmbedError(f"embedder={spec.__name__} is a class; pass an object made by it")
    prompts = _prompts(spec)
    ways = _ways_of(spec, prompts)
    if ways is None:
        raise EmbedError(
            f"embedder={type(spec).__name__} is neither callable nor has encode(texts) or "
            "embed_documents(texts)"
        )
    name = _name_of(spec)
    return Model(
        name,
        Foreign(ways, _computes(spec), timeout),
        _key_of(ways),
        dim=_dim_of(spec),
        normalized=_normalizes(spec),
        query_prefix=prompts[0],
        document_prefix=prompts[1],
        max_tokens=_whole(getattr(spec, "max_seq_length", None)),
        resolved=(f"{name} was given",),
        sided=ways.queries is not None,
    )


# ---- how an object is asked ----


def _ways_of(spec: Any, prompts: tuple[str, str]) -> _Ways | None:
    encode = _method(spec, "encode")
    if encode is not None:
        return _of_encode(spec, encode, prompts)
    documents, queries = _method(spec, "embed_documents"), _method(spec, "embed_query")
    if documents is not None:
        awaited = _is_async(documents)
        one = None if queries is None else _each(queries, awaited)
        return _Ways(documents, one, awaited, documents)
    documents, queries = _method(spec, "aembed_documents"), _method(spec, "aembed_query")
    if documents is not None:
        one = None if queries is None else _each(queries, True)
        return _Ways(documents, one, True, documents)
    embed = _method(spec, "embed")
    if embed is not None:
        queries = _method(spec, "query_embed")
        return _Ways(_method(spec, "passage_embed") or embed, queries, _is_async(embed), embed)
    if callable(spec):
        return _Ways(spec, None, _is_async(spec), spec)
    return None


def _of_encode(spec: Any, encode: Ask, prompts: tuple[str, str]) -> _Ways:
    """Return the ways of an object with ``encode``, as sentence-transformers has and others."""
    awaited = _is_async(encode)
    options = {"convert_to_numpy": True, "show_progress_bar": False}
    query, document = _method(spec, "encode_query"), _method(spec, "encode_document")
    if query is not None and document is not None:
        return _Ways(_with(document, options), _with(query, options), awaited, encode)
    if prompts == ("", "") or "prompt" not in _parameters(encode):
        return _Ways(_with(encode, options), None, awaited, encode)
    sides = [_with(encode, options | {"prompt": prompt}) for prompt in prompts]
    return _Ways(sides[1], sides[0] if prompts[0] != prompts[1] else None, awaited, encode)


def _method(spec: Any, name: str) -> Ask | None:
    found = getattr(spec, name, None)
    return found if callable(found) else None


def _with(ask: Ask, options: dict[str, Any]) -> Ask:
    """Return a way to ask with those of the options that it knows."""
    known = _parameters(ask)
    given = {name: value for name, value in options.items() if name in known}
    return (lambda texts: ask(texts, **given)) if given else ask


def _parameters(ask: Ask) -> frozenset[str]:
    try:
        return frozenset(inspect.signature(ask).parameters)
    except (TypeError, ValueError):
        return frozenset()


def _each(ask: Callable[..., Any], awaited: bool) -> Ask:
    """Return a way to ask for many texts where one at a time is taken."""
    if not awaited:
        return lambda texts: [ask(text) for text in texts]

    async def every(texts: list[str]) -> list[Any]:
        return [await ask(text) for text in texts]

    return every


def _is_async(ask: Any) -> bool:
    while isinstance(getattr(ask, "func", None), Callable):  # type: ignore[arg-type]
        ask = ask.func  # of functools.partial
    if not inspect.isroutine(ask):
        ask = getattr(type(ask), "__call__", ask)  # noqa: B004 (the function is wanted)
    return inspect.iscoroutinefunction(ask) or inspect.isasyncgenfunction(ask)


def _key_of(ways: _Ways) -> Hashable:
    # A method is made anew each time it is looked up; all of one object's are equal.
    return ways.key if isinstance(ways.key, MethodType) else _Same(ways.key)


class _Same:
    """Equal only to one of the same function, which it keeps: an id could be given again."""

    __slots__ = ("_function",)

    def __init__(self, function: Any) -> None:
        self._function = function

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Same) and other._function is self._function

    def __hash__(self) -> int:
        return id(self._function)


# ---- what an object says of itself ----


def _name_of(spec: Any) -> str:
    """Return the class or function, and the model where the object says which it is."""
    named = spec if hasattr(spec, "__qualname__") else type(spec)
    name = f"{named.__module__}.{named.__qualname__}"
    card = getattr(spec, "model_card_data", None)  # of sentence-transformers
    said = [getattr(card, "base_model", None), *(getattr(spec, one, None) for one in _NAMES)]
    for model in said:
        if isinstance(model, str) and model.isprintable() and 0 < len(model) <= _LONGEST_NAME:
            return f"{name}({model})"
    return name


def _prompts(spec: Any) -> tuple[str, str]:
    """Return what sentence-transformers puts before queries and documents."""
    prompts = getattr(spec, "prompts", None)
    if not isinstance(prompts, dict):
        return "", ""
    usual = prompts.get(getattr(spec, "default_prompt_name", None), "")
    query = prompts.get("query", usual)
    document = next((prompts[name] for name in _DOCUMENT_PROMPTS if name in prompts), usual)
    return (query if isinstance(query, str) else ""), (
        document if isinstance(document, str) else ""
    )


def _dim_of(spec: Any) -> int | None:
    for name in ("get_embedding_dimension", "get_sentence_embedding_dimension"):
        told = _method(spec, name)
        if told is not None:
            return _whole(told())
    return _whole(getattr(spec, "dim", None)) if _computes(spec) else None


def _normalizes(spec: Any) -> bool:
    """Return whether an object says that its vectors have length 1."""
    modules = getattr(spec, "_modules", None)  # of torch, the last one of sentence-transformers
    if isinstance(modules, dict) and modules:
        return type(list(modules.values())[-1]).__name__ == "Normalize"
    return _computes(spec) and getattr(spec, "normalize", None) is True


def _computes(spec: Any) -> bool:
    owner = spec.__self__ if isinstance(spec, MethodType) else spec
    return any(cls.__module__.partition(".")[0] in _ASIDE for cls in type(owner).__mro__)


def _whole(value: Any) -> int | None:
    fine = isinstance(value, int) and not isinstance(value, bool) and value > 0
    return value if fine else None


# ---- asking ----


class Foreign:
    """An embedder of the user's."""

    __slots__ = ("_aside", "_timeout", "_ways")

    dear = True  # what it made is kept though more fails

    def __init__(self, ways: _Ways, computes: bool, timeout: float | None) -> None:
        self._ways = ways
        self._aside = computes
        self._timeout = timeout

    def batches(self, texts: list[str], size: int) -> Iterator[tuple[int, int]]:
        """Cut texts into runs of `size`."""
        for start in range(0, len(texts), size):
            yield start, min(start + size, len(texts))

    def __call__(self, texts: list[str], told: Told, query: bool) -> tuple[Float32Matrix, Validity]:
        """Return what it gives for texts; `told` is called while it is waited for.

        Raises
        ------
        EmbedError
            It gave something else than a vector for each, or took too long.
        InvalidVector
            It gave NaN or an infinite number.
        Exception
            What it raised.
        """
        ask = self._ways.queries if query and self._ways.queries else self._ways.documents
        given = list(texts)  # it may change its list
        try:
            answer = self._asked(ask, given, self._timed(lambda: told(0)))
        except StopIteration as error:
            raise EmbedError("the embedder raised StopIteration") from error
        return matrix_of(answer, texts), np.ones(len(texts), np.bool_)

    def _asked(self, ask: Ask, texts: list[str], look: Look) -> Any:
        count = len(texts)
        if self._ways.awaited:
            from .looping import finished

            return held(finished(ask, texts, look), count)
        if not self._aside and self._timeout is None:
            return held(_waited_for(ask(texts), look), count)
        context = copy_context()

        def work(waiter: Waiter) -> Any:
            return context.run(lambda: held(_waited_for(ask(texts), look), count))

        return aside(work, lambda done: look())

    def _timed(self, look: Look) -> Look:
        """Return what also raises when a call takes too long."""
        if self._timeout is None:
            return look
        end = time.monotonic() + self._timeout

        def both() -> None:
            look()
            if time.monotonic() > end:
                raise EmbedError(f"the embedder gave no answer within {self._timeout:g} s")

        return both


def _waited_for(answer: Any, look: Look) -> Any:
    """Return an answer, that of a coroutine when it is at its end."""
    if inspect.isawaitable(answer) or hasattr(answer, "__aiter__"):
        from .looping import finished

        return finished(lambda texts: answer, [], look)
    return answer
