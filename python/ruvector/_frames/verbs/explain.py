"""`rv.explain`: what a search did, instead of the rows that it found."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any, ParamSpec

from ..._habits import told
from ..._show.plan import Plan, last_plan
from ..lazy import eager
from .search import search

P = ParamSpec("P")


def _explained(function: Callable[P, object]) -> Callable[P, Plan]:
    """Return a function with the parameters of `search`, which it runs, and a plan for answer."""

    def explain(*arguments: P.args, **named: P.kwargs) -> Plan:
        """Run `search` with the same arguments and return what it did instead of the rows.

        Returns
        -------
        Plan
        """
        function(*arguments, **named)
        plan = last_plan()
        assert plan is not None
        return plan

    told: Any = explain
    told.__qualname__ = "explain"
    told.__signature__ = inspect.signature(function).replace(return_annotation=Plan)
    told.__annotations__ = {**function.__annotations__, "return": Plan}
    told.__wrapped__ = function  # in whose file the annotations mean something
    return explain


explain = told(_explained(eager(search)))
