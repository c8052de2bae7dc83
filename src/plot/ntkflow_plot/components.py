"""The experiment principal-components: digits in the plane of two components, and learning along one of them."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from . import style
from .experiments import caption_of, converged, limit_handle, plot_networks, width_handle
from .results import Result

DIGIT_HEIGHT = 0.729 * 8  # points, of a digit of 8-point text
LABEL_COLOURS = (style.BLUE, style.VERMILLION, style.BLACK, style.PURPLE, style.WINE, style.INDIGO, style.GREY)


def draw_principal_components(result: Result) -> Figure | None:
    """Left the digits by their components 2 and 3, right the error along f⁽²⁾ and across it over time, with theory."""
    if result.experiment != "principal-components":
        return None
    width = result.array("/experiment/width", axes=1)
    figure = style.new_figure(style.TWO_COLUMNS, 3.8, [eigenvalue_line(result), *caption_of(result)])
    grid = figure.add_gridspec(3, 2, height_ratios=[0.01, 1, 1], width_ratios=[1.15, 1])
    draw_digits(figure.add_subplot(grid[:, 0]), result)

    top = figure.add_subplot(grid[0, 1])
    top.axis("off")
    along = figure.add_subplot(grid[1, 1])
    across = figure.add_subplot(grid[2, 1], sharex=along)
    time = result.array("/experiment/time", axes=1)
    kept = converged(result)
    for w in range(width.size):
        plot_networks(along, time, result.array("/experiment/along", axes=3, at=w)[kept[w]], w)
        plot_networks(across, time, result.array("/experiment/across", axes=3, at=w)[kept[w]], w)
    along.plot(time, result.array("/experiment/theory_along", axes=1), color=style.BLACK, linewidth=2, zorder=3)
    across.axhline(0, color=style.BLACK, linewidth=2, zorder=3)
    along.tick_params(labelbottom=False)
    along.set_ylim(bottom=0)
    along.set_ylabel("along f⁽²⁾")
    across.set_ylabel("across f⁽²⁾")
    across.set_xlabel("time t")
    figure.align_ylabels([along, across])
    handles = [limit_handle("½ exp(−λ₂ t), and 0"), *(width_handle(n, w) for w, n in enumerate(width))]
    top.legend(handles=handles, loc="center", ncols=2, frameon=False)
    return figure


def draw_digits(axes: Axes, result: Result) -> None:
    """Each training image as its label, at its components 2 and 3."""
    projection = result.array("/experiment/projection", axes=2)
    label = result.array("/data/train_label", axes=1)
    for value in np.unique(label):
        chosen = label == value
        axes.scatter(
            projection[chosen, 1],
            projection[chosen, 2],
            marker=f"${value}$",
            s=DIGIT_HEIGHT**2,
            linewidths=0.3,
            color=LABEL_COLOURS[int(value) % len(LABEL_COLOURS)],
        )
    axes.set_xlabel("component 2")
    axes.set_ylabel("component 3")


def eigenvalue_line(result: Result) -> str:
    """Leading eigenvalues beside the published ones, where the file has these."""
    eigenvalue = result.array("/experiment/eigenvalue", axes=1)
    published = result.attribute("/experiment/eigenvalue", "published_eigenvalues")
    listed = ", ".join(style.number(value) for value in eigenvalue[:3])
    line = f"Eigenvalues 1 to {min(3, eigenvalue.size)} of the kernel matrix over N: {listed}"
    if published is None:
        return line + "."
    return f"{line} (published, of another scale of inputs: {', '.join(style.number(value) for value in np.atleast_1d(published))})."
