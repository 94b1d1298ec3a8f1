"""Python's collector while the package is imported."""

from __future__ import annotations

import gc


class Paused:
    """The collector stands still until `end`, or until this is dropped when an import fails.

    An import makes thousands of functions and classes that stay, which set off collections of
    everything that NumPy has made before: a tenth of the import's time.
    """

    __slots__ = ("_was",)

    def __init__(self) -> None:
        self._was = gc.isenabled()
        gc.disable()

    def end(self) -> None:
        """Let the collector be as it was."""
        if not self._was:
            return
        self._was = False
        if gc.get_freeze_count() == 0:  # what somebody froze must stay so
            gc.freeze()
            gc.unfreeze()  # all that is new counts as old, or it would be gone through now
        gc.enable()

    __del__ = end
