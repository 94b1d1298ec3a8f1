"""Models that were opened, so that a name that is given again costs nothing."""

from __future__ import annotations

import os
from collections import OrderedDict
from typing import Any, Final

from ..._locks import Lock
from ..model import Model
from .hub import cache_folder
from .resolve import Wanted, open_model

_MOST: Final = 4

_Stamps = tuple[tuple[int, int, int], ...]
_kept: OrderedDict[Any, tuple[Model, _Stamps]] = OrderedDict()
# What a forked child finds half done: a dict of its own is whole again.
_lock = Lock(_kept.clear)


def model_of(spec: Any, wanted: Wanted) -> Model:
    """Return the model that `spec` means, opened once while its files stay as they are.

    Raises
    ------
    EmbedError, MissingExtra
        As of `resolve.open_model`.
    """
    if not isinstance(spec, (str, os.PathLike)):
        return open_model(spec, wanted)
    key = (os.fspath(spec), *wanted[:3], cache_folder(wanted.cache_dir), os.getcwd(), os.getpid())
    with _lock:
        model, stamps = _kept.get(key, (None, ()))
        if model is not None and _stamps(model) == stamps:
            _kept.move_to_end(key)
            return model
    model = open_model(spec, wanted)
    stamps = _stamps(model)
    if stamps:  # what has no files may mean something else the next time
        with _lock:
            _kept[key] = model, stamps
            while len(_kept) > _MOST:
                _kept.popitem(last=False)
    return model


def _stamps(model: Model) -> _Stamps:
    try:
        facts = [os.stat(path) for path in model.files]
    except OSError:
        return ()
    return tuple((one.st_mtime_ns, one.st_size, one.st_ino) for one in facts)
