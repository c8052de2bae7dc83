"""Eigenvalues of the kernel matrix and how the targets are spread over its modes."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from . import style
from .results import Array, Result

MOST_POINTS = 800


def draw_spectrum(result: Result) -> Figure | None:
    """Left the eigenvalues of K/N by mode, right the target energy of each mode and what the modes after it hold."""
    if not result.has("/spectrum/eigenvalue"):
        return None
    eigenvalue = result.array("/spectrum/eigenvalue", axes=1)
    samples = result.shape("/data/train_index")[0] if result.has("/data/train_index") else eigenvalue.size
    with_energy = result.has("/spectrum/target_energy")
    figure = style.new_figure(style.TWO_COLUMNS if with_energy else style.ONE_COLUMN, 2.6)
    axes = figure.subplots(1, 2 if with_energy else 1, squeeze=False, sharex=True)[0]

    for panel in axes:
        style.log_scale(panel.xaxis, panel.yaxis)
    shown = shown_modes(eigenvalue.size)
    rounding = samples * np.finfo(float).eps * eigenvalue[0]
    positive = np.where(eigenvalue[shown] > 0, eigenvalue[shown], np.nan)
    axes[0].plot(shown + 1, positive, color=style.BLUE, marker=style.marker_of(positive))
    if eigenvalue[-1] < 10 * rounding:
        axes[0].axhline(rounding, color=style.BLACK, linestyle=":", linewidth=1, label="rounding, N ε λ₁")
        style.legend_above(axes[0], columns=1)
    axes[0].set_ylabel("eigenvalue of K/N")
    axes[0].set_xlabel("mode k")

    if with_energy:
        draw_energy(axes[1], result.array("/spectrum/target_energy", axes=1), samples)
    return figure


def draw_energy(axes: Axes, energy: Array, samples: int) -> None:
    """Energy of each mode as points; the line needs all modes, so it is left out where only some are stored."""
    total = energy.sum()
    rounding = total * (samples * np.finfo(float).eps) ** 2  # of a squared amplitude
    shown = shown_modes(energy.size)
    shown = shown[energy[shown] > rounding]
    axes.plot(
        shown + 1, energy[shown], linestyle="none", marker="o", markersize=2.5, color=style.BLUE, label="of mode k"
    )
    if energy.size == samples:
        left = total - np.concatenate([[0.0], np.cumsum(energy)[:-1]])
        kept = left > samples * np.finfo(float).eps * total
        axes.plot(
            np.flatnonzero(kept) + 1,
            left[kept],
            color=style.VERMILLION,
            marker=style.marker_of(left[kept]),
            markerfacecolor="none",
            label="of k and all later modes",
        )
    if total > 0:
        axes.set_ylim(energy[shown].min(initial=total) / 3, total * 3)
    axes.set_ylabel("target energy")
    axes.set_xlabel("mode k")
    style.legend_above(axes, columns=2)


def shown_modes(count: int) -> Array:
    """Positions of modes, all of the first ones and then ever fewer, as a logarithmic axis shows them."""
    return (
        np.unique(np.geomspace(1, count, MOST_POINTS).round().astype(int)) - 1
        if count > MOST_POINTS
        else np.arange(count)
    )
