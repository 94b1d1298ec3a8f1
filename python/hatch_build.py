"""Hooks of the wheel: the licences, the library, the platform tag.

The library is built by cabi/build.sh, or is the file that RUVECTOR_LIBRARY names. A local build is
tagged for this machine's platform; with RUVECTOR_MANYLINUX=1 the tag is manylinux_2_N, N being the
newest glibc that the library asks for.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sysconfig
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface
from hatchling.metadata.plugin.interface import MetadataHookInterface

LICENCES = ["LICENSE", "THIRD_PARTY"]
PACKAGED = "ruvector/_lib/libruvector.so"


class LicenceHook(MetadataHookInterface):
    """Copies the licence of the project and of everything linked into the library."""

    def update(self, metadata: dict[str, Any]) -> None:
        """Copy the files from the repository's root and name them."""
        here = Path(self.root)
        for name in LICENCES:
            shutil.copyfile(here.parent / name, here / name)
        metadata["license-files"] = LICENCES


class LibraryHook(BuildHookInterface[Any]):
    """Puts the shared library into the wheel."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Find or build the library and tag the wheel."""
        library = self._library()
        build_data["pure_python"] = False
        build_data["tag"] = f"py3-none-{platform_of(library)}"
        build_data["force_include"][str(library)] = PACKAGED

    def _library(self) -> Path:
        given = os.environ.get("RUVECTOR_LIBRARY")
        if given:
            return Path(given).resolve(strict=True)
        here = Path(self.root)
        library = here / PACKAGED
        script = here.parent / "cabi" / "build.sh"
        subprocess.run(["sh", str(script), str(library)], check=True)
        return library


def platform_of(library: Path) -> str:
    """Return the platform part of the wheel's tag."""
    platform = sysconfig.get_platform().replace("-", "_").replace(".", "_")
    if os.environ.get("RUVECTOR_MANYLINUX") != "1":
        return platform
    asked = re.findall(rb"GLIBC_2\.(\d+)", library.read_bytes())
    return platform.replace("linux", f"manylinux_2_{max(map(int, asked))}", 1)
