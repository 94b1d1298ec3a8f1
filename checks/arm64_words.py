"""Compare simd/neon_arm64.h, instructions written as numbers, with the assembler of binutils.

Every macro is tried with each register number from 0 to 31 in each operand.
"""

from __future__ import annotations

import re
import struct
import subprocess
import sys
import tempfile
from pathlib import Path

HEADER = Path(__file__).parent.parent / "simd" / "neon_arm64.h"
MACRO = re.compile(
    r"^// (?P<text>\w+ .*\{d\}.*)\n"
    r"#define (?P<name>\w+)\((?P<operands>[mnd, ]+)\) "
    r"WORD \$\((?P<base>0x[0-9A-F]{8}) \| OPERANDS\((?P<shifted>[0mnd, ]+)\)\)$",
    re.MULTILINE,
)


def assembled(lines: list[str]) -> tuple[int, ...]:
    """The instruction words that binutils makes of the lines."""
    with tempfile.TemporaryDirectory() as folder:
        made, raw = Path(folder) / "made.o", Path(folder) / "raw"
        subprocess.run(
            ["aarch64-linux-gnu-as", "-o", made, "-"],
            input="\n".join(lines) + "\n",
            text=True,
            check=True,
        )
        subprocess.run(
            ["aarch64-linux-gnu-objcopy", "-O", "binary", "-j", ".text", made, raw], check=True
        )
        words = raw.read_bytes()
    return struct.unpack(f"<{len(words) // 4}I", words)


def main() -> int:
    """Print what differs; 1 when something does, or when a macro was not understood."""
    header = HEADER.read_text()
    macros = list(MACRO.finditer(header))
    if len(macros) != header.count("WORD $") or not macros:
        print(f"{len(macros)} macros were understood, {header.count('WORD $')} are there")
        return 1
    lines, ours = [], []
    for macro in macros:
        for r in range(32):
            registers = {"m": r, "n": (r * 7 + 3) % 32, "d": (r * 11 + 5) % 32, "0": 0}
            m, n, d = (registers[name] for name in macro["shifted"].split(", "))
            lines.append(macro["text"].format(**registers))
            ours.append(int(macro["base"], 16) | m << 16 | n << 5 | d)
    theirs = assembled(lines)
    wrong = [
        f"{line}: {want:08x}, not {have:08x}"
        for line, have, want in zip(lines, ours, theirs, strict=True)
        if have != want
    ]
    print("\n".join([*wrong, f"{len(macros)} macros, {len(lines)} words, {len(wrong)} wrong"]))
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
