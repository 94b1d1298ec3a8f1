"""Texts to tokens: a ``tokenizer.json``, asked so that nothing in it ends the process."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any, Final, NoReturn, TypeVar

import numpy as np
import numpy.typing as npt

from ..._errors import EmbedError, MissingExtra
from ..._native.task import Waiter, aside

TokenIds = npt.NDArray[np.uint32]
Told = Callable[[int], object]
T = TypeVar("T")

# The tokenizer reads 2 to 13 MB a second: an abandoned call of this much ends after 30 ms, and
# what is not more is read on the caller's thread.
BATCH_CHARACTERS: Final = 64 << 10
BATCH_TEXTS: Final = 1024
_MOST_BYTES: Final = 256 << 20  # of the file: the largest published ones have some 35 MB


class Tokens:
    """A tokenizer. Never changed after it was opened, so that threads may share it.

    Attributes
    ----------
    size : int
        One more than the largest id that it gives.
    before, after : int
        Special tokens that it puts before and after a text.
    truncation : dict
        What the file says of cutting; the tokenizer itself neither cuts nor pads.
    """

    __slots__ = ("_lower", "_tokenizer", "after", "before", "size", "truncation")

    def __init__(self, path: str, pip: str, lower: bool = False) -> None:
        self._tokenizer, self.truncation = _read(path, pip)
        self._lower = lower
        self.size = 1 + max(self.vocabulary().values(), default=-1)
        self.before, self.after = self._around(path)

    def vocabulary(self) -> dict[str, int]:
        """Return the ids of all tokens by their names."""
        vocabulary: dict[str, int] = self._tokenizer.get_vocab(with_added_tokens=True)
        return vocabulary

    def id_of(self, token: str) -> int | None:
        """Return the id of a token, None where there is none."""
        found: int | None = self._tokenizer.token_to_id(token)
        return found

    def unknown(self) -> int | None:
        """Return the id that stands for what the tokenizer does not know, None if there is none."""
        model = self._tokenizer.model
        if hasattr(model, "unk_token"):
            token = model.unk_token
            return None if token is None else self.id_of(token)
        import json  # a table of pieces and their scores: its id is told by the text alone

        found = json.loads(self._tokenizer.to_str())["model"].get("unk_id")
        return found if isinstance(found, int) else None

    def ids(self, texts: list[str], told: Told, special: bool) -> list[TokenIds]:
        """Return the ids of the tokens of every text.

        Parameters
        ----------
        texts : list of str
        told : callable
            Gets the number of texts that are done, now and then.
        special : bool
            Whether the special tokens are among them.

        Raises
        ------
        EmbedError
            A text is no valid text, or the tokenizer fails at it; names it and its row.
        """
        return self._each(texts, told, partial(self._some, special=special))

    def count(self, texts: list[str]) -> npt.NDArray[np.int64]:
        """Return how many tokens every text has, without special ones, int64 of shape (n,)."""
        tokens = self.ids(texts, bool, special=False)
        return np.fromiter(map(len, tokens), np.int64, len(tokens))

    def ends(self, texts: list[str]) -> list[npt.NDArray[np.int64]]:
        """Return the positions in every text where its tokens end, ascending.

        Tokens of less than a character end where it does.
        """
        return self._each(texts, bool, self._some_ends)

    def _some(self, texts: list[str], special: bool) -> list[TokenIds]:
        asked = self._lowered(texts)
        found = self._tokenizer.encode_batch_fast(asked, add_special_tokens=special)
        return [np.asarray(encoding.ids, np.uint32) for encoding in found]

    def _some_ends(self, texts: list[str]) -> list[npt.NDArray[np.int64]]:
        asked = self._lowered(texts)
        found = self._tokenizer.encode_batch(asked, add_special_tokens=False)
        all_ends = []
        for text, low, one in zip(texts, asked, found, strict=True):
            ends = np.array([end for _, end in one.offsets], np.int64)
            if len(low) != len(text):  # a capital became two letters
                lengths = np.cumsum([0, *(len(letter.lower()) for letter in text)])
                ends = np.minimum(np.searchsorted(lengths, ends), len(text))
            all_ends.append(np.maximum.accumulate(ends) if len(ends) else ends)
        return all_ends

    def _lowered(self, texts: list[str]) -> list[str]:
        return [text.lower() for text in texts] if self._lower else texts

    def _each(self, texts: list[str], told: Told, some: Callable[[list[str]], list[T]]) -> list[T]:
        check_texts(texts)
        if sum(map(len, texts)) <= BATCH_CHARACTERS:
            return self._asked(texts, 0, some)

        def work(waiter: Waiter) -> list[T]:
            found: list[T] = []
            for start, end in runs(texts, BATCH_CHARACTERS, BATCH_TEXTS):
                if waiter.gone:
                    break
                found += self._asked(texts[start:end], start, some)
                waiter.done = end
            return found

        return aside(work, told)

    def _asked(self, texts: list[str], row: int, some: Callable[[list[str]], list[T]]) -> list[T]:
        try:
            return some(texts)
        except Exception as error:
            _blame(texts, row, some, error)
        except BaseException as error:
            if not _is_panic(error):
                raise
            _blame(texts, row, some, error)

    def _around(self, path: str) -> tuple[int, int]:
        """Return how many special tokens are put before and after a text."""
        if not self._tokenizer.num_special_tokens_to_add(is_pair=False):
            return 0, 0
        for text in ("a", "1", "."):
            mask = self._asked([text], 0, self._masks)[0]
            content = [i for i, special in enumerate(mask) if not special]
            if content and len(content) == content[-1] - content[0] + 1:
                return content[0], len(mask) - 1 - content[-1]
        raise EmbedError(f"{path} is a tokenizer that gives 'a' no token of its own")

    def _masks(self, texts: list[str]) -> list[Any]:
        found = self._tokenizer.encode_batch(texts, add_special_tokens=True)
        return [encoding.special_tokens_mask for encoding in found]


def _read(path: str, pip: str) -> tuple[Any, dict[str, Any]]:
    """Return the tokenizer of a file, and what it says of cutting."""
    try:
        from tokenizers import Tokenizer
    except ImportError as error:
        raise MissingExtra(
            f"the text model needs {error.name or 'tokenizers'}, which is not installed: {pip}",
            pip=pip,
        ) from error
    try:
        size = os.path.getsize(path)
        if size > _MOST_BYTES:
            raise EmbedError(f"{path} has {size} bytes, a tokenizer has {_MOST_BYTES} at the most")
        with open(path, "rb") as file:
            told = file.read(_MOST_BYTES)
    except OSError as error:
        raise EmbedError(f"{path} cannot be read: {error.strerror or error}") from error
    try:
        tokenizer = Tokenizer.from_buffer(told)
        truncation = dict(tokenizer.truncation or {})
        tokenizer.no_padding()
        tokenizer.no_truncation()
    except Exception as error:
        _no_tokenizer(path, error)
    except BaseException as error:
        if not _is_panic(error):
            raise
        _no_tokenizer(path, error)
    return tokenizer, truncation


def _no_tokenizer(path: str, error: BaseException) -> NoReturn:
    raise EmbedError(
        f"{path} is no tokenizer that the package tokenizers reads ({error!s:.200}); the file "
        "that belongs to the model is called tokenizer.json"
    ) from None


def _is_panic(error: BaseException) -> bool:
    """Return whether the tokenizer met a fault of its own, which Python's Exception leaves out."""
    return type(error).__name__ == "PanicException"


def _blame(
    texts: list[str], row: int, some: Callable[[list[str]], list[Any]], error: BaseException
) -> NoReturn:
    """Raise EmbedError that names the text at which the tokenizer fails."""
    for i, text in enumerate(texts):
        try:
            text.encode()
        except UnicodeEncodeError:
            raise EmbedError(
                f"{text!r:.60} has half of a surrogate pair, which is not valid text; "
                "clean it: text.encode('utf-8', 'replace').decode()",
                row=row + i,
            ) from None
    for i, text in enumerate(texts):
        try:
            some([text])
        except BaseException as again:
            if isinstance(again, Exception) or _is_panic(again):
                raise EmbedError(
                    f"the tokenizer fails at text {row + i} ({text!r:.60}): {again!s:.200}",
                    row=row + i,
                ) from None
            raise
    raise EmbedError(f"the tokenizer fails at {len(texts)} texts: {error!s:.200}") from None


def check_texts(texts: list[str]) -> None:
    """Raise EmbedError naming the first that is no text."""
    if set(map(type, texts)) <= {str}:
        return
    for row, text in enumerate(texts):
        if not isinstance(text, str):
            raise EmbedError(
                f"text {row} is {type(text).__name__} ({text!r:.60}), not text", row=row
            )


def runs(texts: list[str], most: int, count: int) -> Iterator[tuple[int, int]]:
    """Cut texts into runs ``[start, end)`` of at most so many characters and texts.

    A text of more characters is a run of its own.
    """
    start = characters = 0
    for i, text in enumerate(texts):
        if i > start and (characters + len(text) > most or i - start == count):
            yield start, i
            start, characters = i, 0
        characters += len(text)
    if start < len(texts):
        yield start, len(texts)
