"""Errors of workers, given back as what they were."""

from __future__ import annotations

import re

from .._errors import CLASSES, RuVectorError

_SAID = re.compile(r"^ruvector\._errors\.(\w+): (.*)$", re.MULTILINE)
_PLACE = re.compile(r"\brow (\d+)")


def error_of(error: BaseException) -> RuVectorError | None:
    """Return the error of ruvector that a failed Spark job reports, None where there is none.

    Spark gives errors of Python workers as text. The class, the message and the row that it names
    are read from there.

    Parameters
    ----------
    error : BaseException
        What an action such as ``collect()`` raised.

    Examples
    --------
    >>> try:  # doctest: +SKIP
    ...     joined.collect()
    ... except Exception as error:
    ...     raise rvs.error_of(error) or error
    """
    found = _SAID.findall(str(error))
    if not found:
        return None
    name, message = found[-1]
    by_name = {cls.__name__: cls for cls in CLASSES.values()}
    place = _PLACE.search(message)
    row = int(place.group(1)) if place else None
    return by_name.get(name, RuVectorError)(message, row=row)
