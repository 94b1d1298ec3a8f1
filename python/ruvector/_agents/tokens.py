"""Tokens that functions of the user give: asked before each operation, in the loop or on a thread.

A token is kept only to see whether it changed; it is in no text of this module.
"""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Callable, Sequence
from typing import Any

from .._errors import InvalidArgument

_ASYNC = (
    "auth: the token is given by an async function, which needs an event loop; give "
    "A2aClientSync a function that returns the text, or use A2aClient"
)


class Tokens:
    """The functions among the credentials of one client, by their places, and what they last gave.

    Thread-safe: two operations at once may both ask.
    """

    __slots__ = ("_given", "_makers")

    def __init__(self, makers: Sequence[Callable[[], Any] | None]) -> None:
        self._makers = [(at, maker) for at, maker in enumerate(makers) if maker is not None]
        self._given: dict[int, str] = {}

    def __bool__(self) -> bool:
        return bool(self._makers)

    async def changed(self) -> dict[int, str]:
        """Ask all; return those that are new.

        Functions that are not async may be slow: they run on another thread.

        Raises
        ------
        InvalidArgument
            One gave something else than a text.
        """
        given = {}
        for at, maker in self._makers:
            token = await maker() if _is_async(maker) else await asyncio.to_thread(maker)
            if inspect.isawaitable(token):
                token = await token
            given[at] = _text(token)
        return self._keep(given)

    def changed_now(self) -> dict[int, str]:
        """`changed` for code that blocks.

        Raises
        ------
        InvalidArgument
            One is async, or gave something else than a text.
        """
        given = {}
        for at, maker in self._makers:
            if _is_async(maker):
                raise InvalidArgument(_ASYNC)
            token = maker()
            if inspect.isawaitable(token):
                if inspect.iscoroutine(token):
                    token.close()
                raise InvalidArgument(_ASYNC)
            given[at] = _text(token)
        return self._keep(given)

    def _keep(self, given: dict[int, str]) -> dict[int, str]:
        new = {at: token for at, token in given.items() if self._given.get(at) != token}
        self._given.update(new)
        return new


def _is_async(maker: Callable[[], Any]) -> bool:
    return inspect.iscoroutinefunction(maker) or inspect.iscoroutinefunction(
        getattr(maker, "__call__", None)  # noqa: B004
    )


def _text(token: Any) -> str:
    if not isinstance(token, str) or not token:
        kind = "an empty text" if token == "" else type(token).__name__
        raise InvalidArgument(f"auth: the function of a token gave {kind}; it must give a text")
    return token
