"""The picture of the split: per query, how many times longer each other one takes than Viewloom."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

PICTURE = "tpch-split.png"


def plot(seconds: Mapping[int, Mapping[str, float]], ours: str, path: Path) -> None:
    """One point per query and runner, its time over ours; above the line we are quicker."""
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot, ticker

    figure, axes = pyplot.subplots(figsize=(8.0, 3.6), dpi=100, layout="constrained")
    others = [name for name in next(iter(seconds.values())) if name != ours]
    for marker, name in zip("os^Dvx", others, strict=False):
        ratios = [times[name] / times[ours] for times in seconds.values()]
        axes.plot(list(seconds), ratios, marker, label=name, markersize=5)
    axes.axhline(1.0, color="black", linewidth=0.8)
    axes.set_yscale("log")
    axes.yaxis.set_major_formatter(ticker.FuncFormatter(lambda value, _: f"{value:g} ×"))
    axes.set_xticks(list(seconds))
    axes.set_xlabel("query of TPC-H")
    axes.set_ylabel(f"time ÷ {ours}'s")
    axes.legend(frameon=False, fontsize=8, ncols=3, loc="upper center", bbox_to_anchor=(0.5, 1.18))
    axes.spines[["top", "right"]].set_visible(False)
    figure.savefig(path)
    pyplot.close(figure)
