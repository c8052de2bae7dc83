"""The command `ntkflow-plot`: arguments, the list of figures, exit codes."""

from __future__ import annotations

import argparse
import os
import pathlib
import sys
from collections.abc import Callable, Iterator
from typing import NoReturn

from matplotlib.figure import Figure

from . import style
from .circle import draw_gaussian_limit, draw_kernel_convergence
from .components import draw_principal_components
from .confusion import draw_confusion
from .curves import draw_accuracies, draw_losses
from .descent import draw_descent
from .learning import draw_depth, draw_early_stopping, draw_learning_rate, draw_sample_complexity
from .posterior import draw_posterior, draw_predictions
from .random_functions import draw_random_functions
from .results import NotDrawn, Result, ResultError
from .ridge_path import draw_ridge_path
from .samples import draw_samples
from .scaling import draw_width_scaling
from .spectrum import draw_spectrum
from .width_bound import draw_finite_width_bound
from .zonal import draw_boolean_cube, draw_sphere, draw_sphere_variance

FIGURES: dict[str, Callable[[Result], Figure | None]] = {
    "losses": draw_losses,
    "accuracies": draw_accuracies,
    "ridge-path": draw_ridge_path,
    "spectrum": draw_spectrum,
    "random-functions": draw_random_functions,
    "predictions": draw_predictions,
    "posterior": draw_posterior,
    "confusion": draw_confusion,
    "samples": draw_samples,
    "kernel-convergence": draw_kernel_convergence,
    "gaussian-limit": draw_gaussian_limit,
    "principal-components": draw_principal_components,
    "width-scaling": draw_width_scaling,
    "descent": draw_descent,
    "finite-width-bound": draw_finite_width_bound,
    "boolean-cube": draw_boolean_cube,
    "sphere": draw_sphere,
    "sphere-variance": draw_sphere_variance,
    "depth": draw_depth,
    "learning-rate": draw_learning_rate,
    "early-stopping": draw_early_stopping,
    "sample-complexity": draw_sample_complexity,
}
# As those of ntkflow.
EXIT_OK, EXIT_USAGE, EXIT_FILE, EXIT_STOPPED = 0, 2, 3, 130
# What drawing raises on data that do not fit together, partly only when the figure is written.
DRAWING_ERRORS = (
    ArithmeticError,
    AttributeError,
    LookupError,
    MemoryError,
    OSError,
    RuntimeError,
    TypeError,
    ValueError,
)
# Nothing that changes from run to run, so that equal results give equal files.
METADATA = {"png": {"Software": None}, "svg": {"Date": None}}


class Parser(argparse.ArgumentParser):
    """Says in one line what is wrong with the arguments."""

    def error(self, message: str) -> NoReturn:
        self.exit(EXIT_USAGE, f"{self.prog}: error: {message}; see {self.prog} --help\n")


def parse(arguments: list[str]) -> argparse.Namespace:
    parser = Parser(
        prog="ntkflow-plot", description="Draws what a result file of ntkflow holds, a file for each figure."
    )
    parser.add_argument(
        "file", metavar="FILE.h5", type=pathlib.Path, help="written by ntkflow run or ntkflow experiment"
    )
    parser.add_argument("--output", metavar="DIR", type=pathlib.Path, help="folder of the figures (FILE-figures)")
    parser.add_argument("--format", choices=sorted(METADATA), default="png", help="of the figures (%(default)s)")
    return parser.parse_args(arguments)


def title_of(name: str) -> str:
    """What a screen reader or a list of files calls the figure."""
    return f"ntkflow: {name.replace('-', ' ')}"


def draw_all(result: Result) -> Iterator[tuple[str, Figure]]:
    """Every figure that the file has data for, with its name."""
    for name, draw in FIGURES.items():
        try:
            figure = draw(result)
        except NotDrawn as reason:
            print(f"ntkflow-plot: note: no figure of {name}: {reason}", file=sys.stderr)
            continue
        except DRAWING_ERRORS as error:
            raise undrawable(result, name, error) from error
        if figure is not None:
            yield name, figure


def undrawable(result: Result, name: str, error: Exception) -> ResultError:
    text = str(error) or type(error).__name__
    return ResultError(f"'{result.path}' holds data that cannot be drawn as {name}: {text}")


def write_all(result: Result, folder: pathlib.Path, kind: str) -> int:
    """Writes all figures and prints their paths; returns their number.

    Raises ResultError when a figure cannot be drawn or written.
    """
    count = 0
    for name, figure in draw_all(result):
        path = folder / f"{name}.{kind}"
        try:
            folder.mkdir(parents=True, exist_ok=True)
            figure.savefig(path, format=kind, metadata=METADATA[kind] | {"Title": title_of(name)})
        except OSError as error:
            raise ResultError(f"cannot write '{path}': {error.strerror or error}") from error
        except DRAWING_ERRORS as error:
            raise undrawable(result, name, error) from error
        print(path, flush=True)
        count += 1
    return count


def main(arguments: list[str]) -> int:
    """Runs the command and returns its exit code; all errors are one line on stderr."""
    options = parse(arguments)
    folder = options.output or options.file.with_name(options.file.stem + "-figures")
    try:
        with Result(options.file) as result, style.matplotlib_settings():
            if write_all(result, folder, options.format) == 0:
                raise ResultError(f"'{options.file}' holds nothing that can be drawn")
    except ResultError as error:
        print(f"ntkflow-plot: error: {' '.join(str(error).split())}", file=sys.stderr)
        return EXIT_FILE
    except BrokenPipeError:  # whoever read the paths has gone; what is left in the buffer goes nowhere
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return EXIT_FILE
    except KeyboardInterrupt:
        return EXIT_STOPPED
    return EXIT_OK
