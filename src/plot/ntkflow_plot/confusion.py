"""The confusion matrix of the regression's answers."""

from __future__ import annotations

import numpy as np
from matplotlib import colormaps
from matplotlib.colors import PowerNorm
from matplotlib.figure import Figure

from . import style
from .results import Array, NotDrawn, Result

MOST_NUMBERED = 20  # classes whose counts have room in the cells
MOST_CLASSES = 400  # whose cells can be told apart in print


def classes_of(outputs: Array) -> Array:
    """The answer [...] for outputs [... × C]: the largest one, or a single output rounded as ntkflow does it.

    That is to the nearest integer, halves away from zero; it may lie beyond the classes.
    """
    if outputs.shape[-1] > 1:
        return outputs.argmax(axis=-1)
    fraction, whole = np.modf(outputs[..., 0])
    return (whole + np.sign(fraction) * (np.abs(fraction) >= 0.5)).astype(np.int64)


def draw_confusion(result: Result) -> Figure | None:
    """Counts of true class against answer at t = ∞; the colour is the share of the true class.

    Raises NotDrawn when there are too many classes for a picture.
    """
    if not result.has("/regression/test_prediction", "/data/test_label"):
        return None
    label = result.array("/data/test_label", axes=1)
    answer = classes_of(result.array("/regression/test_prediction", axes=2))
    outputs = result.shape("/regression/test_prediction")[1]
    count = max(outputs, int(label.max()) + 1)
    if count > MOST_CLASSES:
        raise NotDrawn(f"there are {count:,} classes, and {MOST_CLASSES} can be told apart")
    inside = (answer >= 0) & (answer < count)
    matrix = np.zeros((count, count), dtype=np.int64)
    np.add.at(matrix, (label[inside], answer[inside]), 1)
    share = matrix / np.maximum(np.bincount(label, minlength=count), 1)[:, np.newaxis]
    beyond = label.size - int(inside.sum())
    caption = [f"Left out: {beyond:,} answer{'s' if beyond > 1 else ''} beyond the classes."] if beyond else []

    wide = count > 5
    figure = style.new_figure(style.TWO_COLUMNS if wide else style.ONE_COLUMN, 5.4 if wide else 2.9, caption)
    axes = figure.add_subplot()
    image = axes.imshow(share, cmap=colormaps["Blues"], norm=PowerNorm(0.5, vmin=0, vmax=1))
    axes.grid(False)
    if count <= MOST_NUMBERED:
        axes.set_xticks(range(count))
        axes.set_yticks(range(count))
        for row, column in np.argwhere(matrix > 0):
            axes.text(
                column,
                row,
                f"{matrix[row, column]}",
                ha="center",
                va="center",
                color="white" if share[row, column] > 0.5 else "black",
            )
    right = int((answer == label).sum())
    axes.set_title(f"{right:,} of {label.size:,} right ({right / label.size:.2%})")
    axes.set_xlabel("answer")
    axes.set_ylabel("class")
    figure.colorbar(image, ax=axes, label="share of the class", shrink=0.8)
    return figure
