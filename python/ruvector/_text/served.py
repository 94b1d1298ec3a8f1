"""`Embedder.openai`: an embedder on a server."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .embedder import Embedder


def openai(
    cls: type[Embedder],
    base_url: str | None = None,
    model: str = "",
    *,
    api_key: str | None = None,
    dimensions: int | None = None,
    batch: int = 256,
    timeout: float = 60.0,
    retries: int = 6,
    deadline: float = 600.0,
    concurrency: int = 4,
    query_prefix: str = "",
    document_prefix: str = "",
) -> Embedder:
    """Return an embedder on a server that speaks as OpenAI's does; nothing is sent yet.

    Ollama, vLLM, TEI, llama.cpp and others do. Needs no package. ``"openai:MODEL"`` is the same
    with everything else left out.

    Parameters
    ----------
    base_url : str, optional
        The address before ``/embeddings``: ``"http://localhost:11434/v1"``. Left out, that of
        ``OPENAI_BASE_URL``, else OpenAI's. Proxies are those of the environment.
    model : str
        As the server calls it.
    api_key : str, optional
        Left out, that of ``OPENAI_API_KEY``; "" for none. Shown nowhere: not in errors,
        tracebacks, ``repr`` or pickles.
    dimensions : int, optional
        Fewer dimensions than the model has, where the server can do that.
    batch : int
        Texts of one request, at most 2,048; shorter where texts are long, and cut in halves where
        the server says that they are too many.
    timeout : float
        Seconds of one try.
    retries : int
        Further tries of one request after 408, 409, 429, 5xx, a timeout or a cut connection, with
        growing waits; a ``Retry-After`` of at most 60 seconds is kept to.
    deadline : float
        Seconds of one request with all its tries.
    concurrency : int
        Requests under way at once.
    query_prefix, document_prefix : str
        What the model wants before texts that ask, and before those that are searched.

    Returns
    -------
    Embedder
        Thread-safe. Batches that were finished before an error are kept in the cache.

    Raises
    ------
    EmbedError
        No model is named, the address is none, or the environment's key would leave this machine
        unencrypted. When it is used: the server failed, or answered something else than one
        vector a text.
    InvalidArgument
        A number is out of range.
    """
    from .remote.embeddings import open_openai

    return cls._of(
        open_openai(
            base_url, model, api_key=api_key, dimensions=dimensions, batch=batch, timeout=timeout,
            retries=retries, deadline=deadline, concurrency=concurrency,
            query_prefix=query_prefix, document_prefix=document_prefix,
        )
    )  # fmt: skip
