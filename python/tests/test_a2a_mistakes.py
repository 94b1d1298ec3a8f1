"""Mistakes that are made with the client of agents say what to write instead."""

from __future__ import annotations

import pytest

import ruvector as rv
from ruvector._agents import asking


@pytest.mark.parametrize("kind", [rv.A2aClient, rv.A2aClientSync])
def test_a_client_is_not_made_by_its_class(kind: type) -> None:
    with pytest.raises(TypeError, match=rf"use .*{kind.__name__}\.connect\(url\)"):
        kind("https://agent.example", trust=None)


@pytest.mark.parametrize("text", ["count these words", "two\nlines", "  "])
def test_a_text_is_not_taken_for_the_id_of_a_task(text: str) -> None:
    with pytest.raises(rv.InvalidArgument, match=r"rv\.TaskSpec\(text\)"):
        asking.stream(text, True, None)


def test_the_id_of_a_task_is() -> None:
    assert asking.stream("task-1", True, None).known.id == "task-1"
