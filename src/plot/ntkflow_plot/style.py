"""What all figures share: printed sizes, colours that everyone can tell apart, and numbers as text."""

from __future__ import annotations

import contextlib
import math
import textwrap
from collections.abc import Iterable, Iterator
from typing import NamedTuple

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.figure import Figure
from matplotlib.ticker import LogFormatter

# Inches: one column and both columns of a printed page.
ONE_COLUMN, TWO_COLUMNS = 3.4, 7.0
CAPTION_SIZE = 8
CAPTION_LINE_INCHES = 0.16

# Okabe and Ito (2008), without its green, which would make a red-green pair, and its yellow; grey; and two of the
# muted colours of Tol (2021). All of these have a contrast to white of at least 3, which thin lines need.
BLACK, BLUE, VERMILLION, PURPLE = "#000000", "#0072B2", "#D55E00", "#CC79A7"
GREY, WINE, INDIGO = "#808080", "#882255", "#332288"
ORANGE, SKY = "#E69F00", "#56B4E9"  # paler: for areas and for markers with an outline

RC = {
    "axes.axisbelow": True,
    "axes.grid": True,
    "axes.labelsize": 9,
    "axes.linewidth": 0.6,
    "axes.titlesize": 9,
    "figure.dpi": 100,
    "font.family": ["DejaVu Sans"],
    "font.size": 8,
    "grid.color": "#dddddd",
    "grid.linewidth": 0.5,
    "legend.columnspacing": 1.2,
    "legend.fontsize": 8,
    "legend.framealpha": 0.9,
    "legend.handlelength": 2.4,
    "lines.linewidth": 1.4,
    "lines.markersize": 4,
    "savefig.dpi": 200,
    "svg.fonttype": "none",  # text stays text: it can be searched, edited and read aloud
    "svg.hashsalt": "ntkflow",  # else the ids of an SVG differ from run to run
    "xtick.labelsize": 8,
    "ytick.labelsize": 8,
}


@contextlib.contextmanager
def matplotlib_settings() -> Iterator[None]:
    """Within it matplotlib draws as RC says, whatever the user's own settings are."""
    with matplotlib.rc_context():
        matplotlib.rcdefaults()
        matplotlib.rcParams.update(RC)
        yield


class Series(NamedTuple):
    """How one of several curves is told apart, with and without colour."""

    colour: str
    dashes: object
    marker: str


SERIES = (
    Series(BLUE, "-", "o"),
    Series(VERMILLION, "--", "s"),
    Series(PURPLE, "-.", "^"),
    Series(INDIGO, (0, (5, 1)), "D"),
    Series(GREY, ":", "v"),
    Series(WINE, (0, (3, 1, 1, 1, 1, 1)), "P"),
)


def series(index: int) -> Series:
    return SERIES[index % len(SERIES)]


def new_figure(width: float, height: float, caption: Iterable[str] = ()) -> Figure:
    """A figure of this size in inches, with lines of text below that make it higher."""
    characters = int(width * 17)  # of 8 points, with room to spare
    lines = [line for text in caption for line in textwrap.wrap(text, characters, subsequent_indent="    ")]
    figure = Figure(figsize=(width, height + CAPTION_LINE_INCHES * len(lines)), layout="constrained")
    if lines:
        figure.supxlabel("\n".join(lines), x=0.01, ha="left", fontsize=CAPTION_SIZE, linespacing=1.35, parse_math=False)
    return figure


def panels(
    width: float, height: float, count: int, columns: int, caption: Iterable[str] = ()
) -> tuple[Figure, Axes, list[Axes]]:
    """A figure of so many panels that share their axes, row by row below an empty one for a common legend."""
    rows = -(-count // columns)
    figure = new_figure(width, height, caption)
    grid = figure.add_gridspec(rows + 1, columns, height_ratios=[0.01] + [1] * rows)
    top = figure.add_subplot(grid[0, :])
    top.axis("off")
    shown: list[Axes] = []
    for i in range(count):
        first = shown[0] if shown else None
        shown.append(figure.add_subplot(grid[1 + i // columns, i % columns], sharex=first, sharey=first))
        shown[i].tick_params(labelleft=i % columns == 0, labelbottom=i + columns >= count)
    return figure, top, shown


def legend_above(axes: Axes, columns: int) -> None:
    """The legend between title and figure's edge, where it hides no data."""
    axes.legend(loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=columns, frameon=False, borderaxespad=0.2)


def number(value: float, digits: int = 3) -> str:
    """A number as a reader would write it: 1,000, 0.25, 1.27·10⁵, ∞."""
    if math.isinf(value):
        return "∞" if value > 0 else "−∞"
    if value == 0 or 1e-4 <= abs(value) < 1e5:
        text = f"{value:,.0f}" if value == round(value) else f"{value:,.{digits}g}"
        return f"{value:,.0f}" if "e" in text else text.replace("-", "−")
    mantissa, exponent = f"{value:.{digits - 1}e}".split("e")
    mantissa = mantissa.rstrip("0").rstrip(".").replace("-", "−")
    power = power_of_ten(int(exponent))
    return power if mantissa == "1" else f"{mantissa}·{power}"


def power_of_ten(exponent: int) -> str:
    return "10" + str(exponent).translate(str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹"))


class PlainLogFormatter(LogFormatter):
    """Numbers at the ticks that matplotlib would number, as plain text: its own exponents are smaller than 8 points."""

    def __call__(self, x: float, pos: int | None = None) -> str:
        if not super().__call__(x, pos):
            return ""
        if x == 0:  # of an axis that is linear there
            return "0"
        exponent = math.log10(x)
        return power_of_ten(round(exponent)) if abs(exponent - round(exponent)) < 1e-9 else number(x)


def log_scale(*axes: Axis) -> None:
    """Makes these x or y axes logarithmic, of base 10."""
    for axis in axes:
        axis.axes.set(**{f"{axis.axis_name}scale": "log"})
        axis.set_major_formatter(PlainLogFormatter())
        numbered = 2 if axis.axis_name == "y" else 1  # decades up to which some ticks between powers have room
        axis.set_minor_formatter(PlainLogFormatter(minor_thresholds=(numbered, 0.4)))


def marker_of(points: np.ndarray) -> str:
    """The marker of a line through these values: a dot where only one can be shown, of which no line is drawn."""
    return "o" if np.isfinite(points).sum() == 1 else ""


def spread_out(count: int, most: int) -> list[int]:
    """At most `most` of the positions 0 ... count - 1, evenly spaced, the first and the last among them."""
    return sorted({round(i) for i in np.linspace(0, count - 1, min(count, most))})


def scale_by_range(axes: Axes, values: np.ndarray) -> None:
    """A logarithmic time axis where positive times span more than a factor of 50, else a linear one."""
    positive = values[values > 0]
    if positive.size > 1 and positive.max() > 50 * positive.min():
        log_scale(axes.xaxis)


def angle_axis(axes: Axes, start: float) -> None:
    """An axis of a full turn from `start` (radian, a multiple of π/2), marked at quarter turns."""
    names = {-2: "−π", -1: "−π/2", 0: "0", 1: "π/2", 2: "π", 3: "3π/2", 4: "2π"}
    quarters = [round(start / (math.pi / 2)) + i for i in range(5)]
    axes.set_xticks([quarter * math.pi / 2 for quarter in quarters], [names[quarter] for quarter in quarters])
    axes.set_xlim(start, start + 2 * math.pi)
