"""The confusion matrix of the regression's answers."""

from __future__ import annotations

import numpy as np
from matplotlib import colormaps
from matplotlib.colors import PowerNorm
from matplotlib.figure import Figure

from . import style
from .results import Array, Result

MOST_NUMBERED = 20  # classes whose counts have room in the cells


def classes_of(outputs: Array) -> Array:
    """The answer [...] for outputs [... × C]: the largest one, or a single output rounded to the nearest integer."""
    return outputs.argmax(axis=-1) if outputs.shape[-1] > 1 else np.rint(outputs[..., 0]).astype(np.int64)


def draw_confusion(result: Result) -> Figure | None:
    """Counts of true class against answer at t = ∞; the colour is the share of the true class."""
    if not result.has("/regression/test_prediction", "/data/test_label"):
        return None
    label = result.array("/data/test_label", axes=1)
    answer = classes_of(result.array("/regression/test_prediction", axes=2))
    outputs = result.shape("/regression/test_prediction")[1]
    count = max(outputs, int(label.max()) + 1)
    answer = np.clip(answer, 0, count - 1)  # a rounded output may lie beyond the classes
    matrix = np.zeros((count, count), dtype=np.int64)
    np.add.at(matrix, (label, answer), 1)
    share = matrix / np.maximum(matrix.sum(axis=1, keepdims=True), 1)

    wide = count > 5
    figure = style.new_figure(style.TWO_COLUMNS if wide else style.ONE_COLUMN, 5.4 if wide else 2.9)
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
                color="white" if share[row, column] > 0.3 else "black",
            )
    right = int((answer == label).sum())
    axes.set_title(f"{right:,} of {label.size:,} right ({right / label.size:.2%})")
    axes.set_xlabel("answer")
    axes.set_ylabel("class")
    figure.colorbar(image, ax=axes, label="share of the class", shrink=0.8)
    return figure
