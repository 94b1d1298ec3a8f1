"""The markdown table of one run. Ratios below 1 are losses and are marked as such."""

from __future__ import annotations

from typing import Any


def ratio(ours: float, theirs: float) -> str:
    """How many times faster we are; a loss is said in words."""
    times = theirs / ours
    return f"{times:.1f}x" if times >= 1 else f"{times:.2f}x (loss)"


def busy(cores: float | None) -> str:
    """How much of the machine others used, in words."""
    return "an unknown share of the machine" if cores is None else f"{cores:.1f} cores"


def table(results: dict[str, Any]) -> str:
    """Everything as markdown, the machine first."""
    m = results["machine"]
    lines = [
        "# Benchmark results",
        "",
        f"{m['cpu']}, {m['cores']} cores, backend {m['backend']}; Python {m['python']},",
        f"NumPy {m['numpy']} ({', '.join(m['numpy_blas'])}), ruvector {m['ruvector']},",
        f"commit {m['commit']}, {m['date']}.",
        f"Other processes used {busy(m['cores_used_by_others'])} meanwhile.",
        "Written by `make bench`; compare rows of one run only.",
        "",
        *search_rows(results["search"]),
        "",
        *kernel_rows(results["kernels"]),
        "",
        *overhead_rows(results["overhead"], results["startup"]),
    ]
    return "\n".join(lines) + "\n"


def search_rows(rows: list[dict[str, Any]]) -> list[str]:
    """Our index against NumPy brute force."""
    lines = [
        "## Against NumPy brute force, k = 10",
        "",
        "| kind | rows x dim | `recall=` | recall@10 | one query | vs NumPy | batch of 1,000 "
        "| vs NumPy | build | bytes a row |",
        "|---|---|---|---|---|---|---|---|---|---|",
    ]
    for r in rows:
        single = ratio(r["single_seconds"], r["numpy_single_seconds"])
        batch = ratio(r["batch_seconds"], r["numpy_batch_seconds"])
        bits = f" {r['bits']} bits" if r["kind"] == "flat" else ""
        lines.append(
            f"| {r['kind']}{bits} | {r['rows']:,} x {r['dim']} "
            f"| {r['target']:.2f} | {r['recall']:.4f} "
            f"| {1e3 * r['single_seconds']:.3f} ms | {single} "
            f"| {1e3 * r['batch_seconds']:.1f} ms | {batch} "
            f"| {r['build_seconds']:.2f} s | {r['bytes_per_row']:.0f} "
            f"+ {r['borrowed_bytes_per_row']:.0f} borrowed |"
        )
    lines += [
        "",
        "One query runs on one thread of ours; NumPy uses all cores, and needs no build. Batches",
        "use all cores on both sides. `exact` is what `auto` takes up to 10,000 rows.",
    ]
    return lines


def kernel_rows(rows: list[dict[str, Any]]) -> list[str]:
    """The scan by tier."""
    lines = [
        "## Scan kernel, million row-queries a second on one core",
        "",
        "| case | pure Go | AVX2 | ratio |",
        "|---|---|---|---|",
    ]
    for r in rows:
        pure, fast = r.get("pure", 0.0), r.get("avx2", 0.0)
        times = f"{fast / pure:.0f}x" if pure and fast else "not available"
        lines.append(f"| {r['case']} | {pure:.1f} | {fast:.1f} | {times} |")
    return lines


def overhead_rows(overhead: list[dict[str, Any]], startup: dict[str, float]) -> list[str]:
    """Python's share of a query, and of a fresh process."""
    lines = [
        "## What Python adds to one query, k = 10, microseconds",
        "",
        "| index | `Search` in Go | `_native.search_rows` | `ix.search(q, 10)` | Python adds |",
        "|---|---|---|---|---|",
    ]
    for r in overhead:
        lines.append(
            f"| {r['kind']} {r['rows']:,} x {r['dim']} | {r['go']:.1f} | {r['boundary']:.1f} "
            f"| {r['index']:.1f} | {r['index'] - r['go']:.1f} |"
        )
    return [
        *lines,
        "",
        "## A fresh process (best of several, NumPy already imported)",
        "",
        "| what | milliseconds |",
        "|---|---|",
        f"| `import ruvector` | {1e3 * startup['import']:.1f} |",
        f"| first build and search of 100 rows | {1e3 * startup['first_verb']:.1f} |",
        f"| yardstick: `sum(range(200_000))` | {1e3 * startup['yardstick']:.1f} |",
    ]
