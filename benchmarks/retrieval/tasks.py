"""What a task is: documents, questions, and the gain of each document that answers."""

from __future__ import annotations

import hashlib
from typing import NamedTuple


class Task(NamedTuple):
    """Questions over documents.

    ``relevant[i]`` has the gain, above 0, of the rows of `documents` that answer ``queries[i]``.
    """

    name: str
    about: str
    documents: list[str]
    queries: list[str]
    relevant: list[dict[int, float]]

    def checked(self) -> Task:
        """Return the task itself; ValueError where it cannot be asked."""
        if len(self.queries) != len(self.relevant):
            raise ValueError(f"{self.name}: {len(self.queries)} queries, {len(self.relevant)} told")
        for query, relevant in zip(self.queries, self.relevant, strict=True):
            if not relevant or not query.strip():
                raise ValueError(f"{self.name}: {query!r} asks for nothing that is known")
            if not all(0 <= row < len(self.documents) for row in relevant):
                raise ValueError(f"{self.name}: {query!r} asks for rows that are not there")
            if min(relevant.values()) <= 0:
                raise ValueError(f"{self.name}: {query!r} has an answer without gain")
        if not all(document.strip() for document in self.documents):
            raise ValueError(f"{self.name}: a document is empty")
        return self

    @property
    def digest(self) -> str:
        """First half of the SHA-256 over documents, queries and answers, in hexadecimal."""
        told = repr((self.documents, self.queries, self.relevant))
        return hashlib.sha256(told.encode("utf-8", "surrogatepass")).hexdigest()[:32]
