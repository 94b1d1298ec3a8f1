"""What a reranker is."""

from __future__ import annotations

from typing import Any, Protocol


class Reranker(Protocol):
    """Scores texts by reading them beside a query: what ``reranker=`` takes.

    A class of one's own needs this one method. Rerankers of other packages are taken as they are:
    see `search`.

    Examples
    --------
    >>> class SharedWords:
    ...     def rerank(self, query, texts):
    ...         return [len(set(query.split()) & set(text.split())) for text in texts]
    >>> import pandas as pd, ruvector as rv
    >>> df = pd.DataFrame({"body": ["an old red car", "a red bus"], "emb": [[1.0, 0.0]] * 2})
    >>> asked = {"on": "emb", "embedder": lambda texts: [[1.0, 0.0]] * len(texts)}
    >>> rv.search(df, "red bus", k=1, reranker=SharedWords(), **asked)["body"].tolist()
    ['a red bus']
    """

    def rerank(self, query: str, texts: list[str], /) -> Any:
        """Return a score for every text, larger is better.

        Parameters
        ----------
        query : str
        texts : list of str
            None of them blank.

        Returns
        -------
        list, ndarray, Series, Arrow array or iterable of numbers, shape (n,) or (n, 1)
            In the order of the texts; never NaN. A coroutine function returns them when awaited.
        """
        ...
