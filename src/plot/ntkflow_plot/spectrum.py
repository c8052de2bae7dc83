"""Eigenvalues of the kernel matrix and how the targets are spread over its modes."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from . import style
from .results import Array, Result

MOST_POINTS = 800
MOST_CURVES = 5
CURVE_DECADES = 12  # below the largest energy that learning curves are shown to


def draw_spectrum(result: Result) -> Figure | None:
    """Eigenvalues of K/N by mode; target energy of each mode and of those after it, fraction in the modes up to each.

    Where they are stored, also how the energy of some modes falls over time.
    """
    if not result.has("/spectrum/eigenvalue"):
        return None
    eigenvalue = result.array("/spectrum/eigenvalue", axes=1)
    samples = result.shape("/data/train_index")[0] if result.has("/data/train_index") else eigenvalue.size
    with_energy = result.has("/spectrum/target_energy")
    with_fraction = result.has("/spectrum/cumulative_target_energy") and result.has("/spectrum/target_energy_by_output")
    below = [name for name, there in (("fraction", with_fraction), ("curves", has_curves(result))) if there]
    rows = 2 if below else 1
    figure = style.new_figure(style.TWO_COLUMNS if with_energy or below else style.ONE_COLUMN, 2.6 * rows)
    grid = figure.add_gridspec(rows, 2 if with_energy or below else 1)
    axes = [figure.add_subplot(grid[0, 0])]
    if with_energy:
        axes.append(figure.add_subplot(grid[0, 1], sharex=axes[0]))

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
    for column, name in enumerate(below):
        panel = figure.add_subplot(grid[1, column])
        if name == "fraction":
            draw_fraction(panel, result)
        else:
            draw_curves(panel, result)
    return figure


def has_curves(result: Result) -> bool:
    return result.has("/spectrum/time") and result.has("/spectrum/energy_left")


def draw_fraction(axes: Axes, result: Result) -> None:
    """Fraction of the target energy in the modes up to each: of all outputs together, and the range of single ones."""
    fraction = result.array("/spectrum/cumulative_target_energy", axes=2)
    held = np.cumsum(result.array("/spectrum/target_energy_by_output", axes=2), axis=0)
    totals = np.divide(held[-1], fraction[-1], out=np.zeros_like(held[-1]), where=fraction[-1] > 0)
    together = held.sum(1) / totals.sum() if totals.sum() > 0 else np.ones(len(held))
    shown = shown_modes(len(held))
    style.log_scale(axes.xaxis)
    if fraction.shape[1] > 1:
        least, most = fraction[shown].min(1), fraction[shown].max(1)
        axes.fill_between(shown + 1, least, most, color=style.SKY, alpha=0.4, label="single outputs")
    marker = style.marker_of(together[shown])
    axes.plot(shown + 1, together[shown], color=style.BLUE, marker=marker, label="all outputs")
    axes.set_ylim(0, 1.02)
    axes.set_ylabel("fraction of target energy")
    axes.set_xlabel("modes 1 … k")
    style.legend_above(axes, columns=2)


def draw_curves(axes: Axes, result: Result) -> None:
    """Energy left over time, of all modes and of some of the leading ones."""
    time = result.array("/spectrum/time", axes=1)
    left = result.array("/spectrum/energy_left", axes=1)
    lowest = left.max(initial=0.0) * 10.0**-CURVE_DECADES
    left = np.where(left >= lowest, left, np.nan)
    axes.plot(time, left, color=style.BLACK, marker=style.marker_of(left), label="all", zorder=3)
    if result.has("/spectrum/mode_energy"):
        curves = result.array("/spectrum/mode_energy", axes=2)
        for index, mode in enumerate(style.spread_out(curves.shape[1], MOST_CURVES)):
            colour, dashes, _ = style.series(index)
            curve = np.where(curves[:, mode] > lowest, curves[:, mode], np.nan)
            marker = style.marker_of(curve)
            axes.plot(time, curve, color=colour, linestyle=dashes, marker=marker, label=f"mode {mode + 1}")
    style.scale_by_range(axes, time)
    if lowest > 0:
        style.log_scale(axes.yaxis)
    axes.set_ylabel("energy left")
    axes.set_xlabel("time t")
    style.legend_above(axes, columns=3)


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
