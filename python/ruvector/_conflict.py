"""Recognises that PyPI's other ``ruvector`` distribution owns this package's files too.

Two distributions install a package called ``ruvector``: this one, ``ruvector-arrow``, and another,
plainly ``ruvector``. Whichever is installed last overwrites files of the first and leaves the rest,
its own ``_native`` among them, in the place of ours. When ours came last we can see it and say so,
if we look before anything else is imported; the other order cannot be seen from here.
"""

from __future__ import annotations

import os

OURS = "ruvector-arrow"
OTHER = "ruvector"


def refuse_other_distribution(package: str | None = None) -> None:
    """Raise ImportError if the other distribution is installed into the same folder.

    ``package`` is the folder of the installed package, by default this one. Costs one directory
    listing; ``importlib.metadata`` is imported only when there is something to read.
    """
    site = os.path.dirname(package or os.path.dirname(os.path.abspath(__file__)))
    try:
        names = os.listdir(site)
    except OSError:  # inside a zip archive, where pip installs nothing
        return
    for name in names:
        if name.startswith(OTHER + "-") and name.endswith(".dist-info"):
            _refuse_owner(os.path.join(site, name))


def _refuse_owner(info: str) -> None:
    from importlib.metadata import PathDistribution
    from pathlib import Path

    other = PathDistribution(Path(info))
    owned = [str(f) for f in other.files or ()]
    if not any(f.startswith("ruvector/") for f in owned):
        return
    raise ImportError(
        f"the distributions {OURS} and {OTHER} ({other.version}) are both installed and own the "
        f"same package, ruvector, so that neither is complete; keep one of them: "
        f"`pip uninstall -y {OTHER} {OURS}`, then `pip install {OURS}`"
    )
