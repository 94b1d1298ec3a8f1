"""Embedding beside an event loop."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from .._input.vectors import Float32Matrix

if TYPE_CHECKING:
    from .embedder import Embedder


async def embedded_aside(embedder: Embedder, texts: Sequence[str]) -> Float32Matrix:
    """Return the vectors of texts, computed on a thread.

    Raises
    ------
    EmbedError
        As of `Embedder.embed_batch`.
    asyncio.CancelledError
        The caller was cancelled; the thread ends after the batch that it is at.
    """
    gone = threading.Event()
    try:
        return await asyncio.to_thread(embedder._embedded, texts, _stop_if(gone))
    finally:
        gone.set()


def _stop_if(gone: threading.Event) -> Callable[[], None]:
    def look() -> None:
        if gone.is_set():
            raise asyncio.CancelledError

    return look
