"""What the figures of all experiments share: widths as series, claims as caption, networks that diverged left out."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from matplotlib.lines import Line2D

from . import style
from .results import Array, Result


TYPE_TITLES = {"ntk": "NTK", "nngp": "NNGP"}


def caption_of(result: Result) -> list[str]:
    """A line for each claim of the file, and one for networks that are left out, where there are networks."""
    lines = [str(claim) for claim in result.claims()]
    diverged = int((~converged(result)).sum()) if result.has("/network/diverged_at") else 0
    if diverged:
        lines.append(f"Left out: {diverged} network{'s' if diverged > 1 else ''} whose training diverged.")
    return lines


def converged(result: Result) -> Array:
    """Which networks [W × D] trained to the end."""
    if result.has("/network/diverged_at"):
        return result.array("/network/diverged_at", axes=2) < 0
    return np.ones((result.shape("/experiment/width")[0], result.shape("/experiment/draw")[0]), dtype=bool)


def plot_networks(axes: Axes, x: Array, values: Array, index: int) -> None:
    """The curves [D × points] of all networks of width number `index`, thin."""
    colour, dashes, _ = style.series(index)
    axes.plot(x, values.T, color=colour, linestyle=dashes, linewidth=0.7)


def width_name(width: float) -> str:
    """A number of units, which files hold as an integer or as a floating-point number."""
    return f"width {width:,.0f}"


def width_handle(width: float, index: int) -> Line2D:
    colour, dashes, _ = style.series(index)
    return Line2D([], [], color=colour, linestyle=dashes, linewidth=1, label=width_name(width))


def limit_handle(label: str, dashes: object = "-") -> Line2D:
    return Line2D([], [], color=style.BLACK, linestyle=dashes, linewidth=2, label=label)
