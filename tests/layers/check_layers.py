"""Checks that every include of the project points down the layer table.

usage: check_layers.py ROOT

Reads ROOT/include/ntkflow/<module> and ROOT/src/<module>, prints each include that the table below does not allow as
file:line, and exits with 1 when there is one. The table is the one in README.md, "How the code is laid out".
"""

import pathlib
import re
import sys

# module -> what it may include besides itself: a whole module, or one header of it.
ALLOWED = {
    "base": set(),
    "kernel": {"base"},
    "dist": {"base"},
    "io": {"base", "dist"},
    "linalg": {"base", "dist"},
    "data": {"base", "dist", "io"},
    "gram": {"base", "kernel", "dist", "linalg"},
    "spectrum": {"base", "dist", "linalg"},
    "finite": {"base", "kernel", "dist", "linalg"},
    "regression": {"base", "dist", "linalg", "spectrum"},
    "dynamics": {"base", "dist", "linalg", "spectrum"},
    "experiment": {"base", "kernel", "dist", "io", "linalg", "data", "gram", "finite", "regression", "spectrum", "dynamics"},
    # The configuration fills the option structs of the modules below and calls none of them.
    "config": {
        "base",
        "data/options.hpp",
        "dist/process_grid.hpp",
        "dynamics/options.hpp",
        "experiment/options.hpp",
        "kernel/architecture.hpp",
        "kernel/named_kernel.hpp",
        "linalg/options.hpp",
        "regression/options.hpp",
        "spectrum/options.hpp",
    },
}
# Programs stand above all modules.
PROGRAMS = {"app", "bench"}
# Beside the standard library (names without a dot or slash), the only outside header that ours may show to their users.
PUBLIC_THIRD_PARTY = {"dist": {"mpi.h"}}

INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]')


def allowed_modules(module: str) -> set:
    return set(ALLOWED) if module in PROGRAMS else ALLOWED[module] | {module}


def problem_of_include(module: str, file: pathlib.Path, public: bool, quote: str, name: str) -> str:
    """What is wrong with one include, or an empty string."""
    if name.startswith("ntkflow/"):
        header = name.removeprefix("ntkflow/")
        target = header.split("/")[0]
        allowed = allowed_modules(module)
        if target in allowed or header in allowed:
            return ""
        return f"{module} may not include {name}"
    if quote == '"':
        if public:
            return f'a public header must name "{name}" as <ntkflow/...>'
        if "/" in name and not (file.parent / name).resolve().is_relative_to(module_folder(file, module)):
            return f'"{name}" is a private header of another module'
        return ""
    if public and not re.fullmatch(r"[a-z0-9_]+", name) and name not in PUBLIC_THIRD_PARTY.get(module, set()):
        return f"a public header of {module} may not show <{name}> to its users"
    return ""


def module_folder(file: pathlib.Path, module: str) -> pathlib.Path:
    return next(folder for folder in file.resolve().parents if folder.name == module)


def check(root: pathlib.Path) -> list:
    """All problems of the tree under `root`, a line each."""
    problems = []
    for top, public in ((root / "include" / "ntkflow", True), (root / "src", False)):
        for file in sorted(top.rglob("*.[chit]pp")):
            module = file.relative_to(top).parts[0]
            if module not in ALLOWED and module not in PROGRAMS:
                problems.append(f"{file}:1: there is no row for {module} in the layer table")
                continue
            for number, line in enumerate(file.read_text(encoding="utf-8").splitlines(), start=1):
                match = INCLUDE.match(line)
                if match:
                    problem = problem_of_include(module, file, public, *match.groups())
                    if problem:
                        problems.append(f"{file}:{number}: {problem}")
    return problems


def main() -> int:
    if len(sys.argv) != 2:
        print(__doc__, file=sys.stderr)
        return 2
    problems = check(pathlib.Path(sys.argv[1]))
    for problem in problems:
        print(problem)
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
