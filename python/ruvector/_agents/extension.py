"""Addresses of our extensions of the protocol: names, nothing is fetched from them."""

from __future__ import annotations

from typing import Final

BASE: Final = "https://github.com/ruvector/ruvector-arrow/a2a/ext"
TRACE: Final = f"{BASE}/trace/v1"
ARTIFACTS: Final = f"{BASE}/artifacts/v1"
