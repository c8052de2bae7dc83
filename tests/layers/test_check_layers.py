"""The layer check rejects what it must reject, on small trees made for the purpose, and accepts the project."""

import os
import pathlib
import re
import tempfile
import unittest

import check_layers


class CheckLayersTest(unittest.TestCase):
    def problems(self, **files: str) -> list:
        """Problems of a tree with the given files; `__` in a name stands for a slash, the ending is added."""
        with tempfile.TemporaryDirectory() as folder:
            root = pathlib.Path(folder)
            for name, text in files.items():
                path = root / name.replace("__", "/")
                path = path.with_suffix(".hpp" if name.startswith("include") else ".cpp")
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(text, encoding="utf-8")
            return check_layers.check(root)

    def test_accepts_the_project(self):
        root = pathlib.Path(os.environ["NTKFLOW_SOURCE_DIR"])
        self.assertEqual(check_layers.check(root), [])

    def test_the_readme_shows_the_same_table(self):
        readme = (pathlib.Path(os.environ["NTKFLOW_SOURCE_DIR"]) / "README.md").read_text(encoding="utf-8")
        rows = re.findall(r"^\| \d \| `(\w+)` \|[^|]*\| ([^|]*) \|$", readme, re.MULTILINE)
        table = {module: set() if uses == "–" else set(uses.split(", ")) for module, uses in rows}
        self.assertEqual(table, check_layers.ALLOWED)

    def test_accepts_a_downward_include(self):
        self.assertEqual(self.problems(src__gram__a="#include <ntkflow/kernel/x.hpp>\n"), [])

    def test_rejects_an_upward_include(self):
        self.assertEqual(len(self.problems(src__kernel__a="#include <ntkflow/gram/x.hpp>\n")), 1)
        self.assertEqual(len(self.problems(include__ntkflow__base__a="#include <ntkflow/app/x.hpp>\n")), 1)

    def test_rejects_a_sideways_include(self):
        self.assertEqual(len(self.problems(src__kernel__a='  #  include "ntkflow/dist/x.hpp"\n')), 1)
        self.assertEqual(len(self.problems(src__gram__a="#include <ntkflow/data/x.hpp>\n")), 1)
        self.assertEqual(len(self.problems(src__regression__a="#include <ntkflow/dynamics/x.hpp>\n")), 1)
        self.assertEqual(len(self.problems(src__spectrum__a="#include <ntkflow/finite/network.hpp>\n")), 1)
        self.assertEqual(len(self.problems(src__dynamics__a="#include <ntkflow/gram/x.hpp>\n")), 1)

    def test_allows_one_header_of_a_module_without_the_rest(self):
        self.assertEqual(self.problems(src__config__a="#include <ntkflow/data/options.hpp>\n"), [])
        self.assertEqual(len(self.problems(src__config__a="#include <ntkflow/data/dataset.hpp>\n")), 1)

    def test_nothing_includes_the_programs(self):
        self.assertEqual(len(self.problems(src__bench__a="#include <ntkflow/app/x.hpp>\n")), 1)

    def test_rejects_a_private_header_of_another_module(self):
        self.assertEqual(len(self.problems(src__dist__a='#include "../linalg/scalapack_abi.hpp"\n')), 1)
        self.assertEqual(self.problems(src__kernel__activations__a='#include "../dual.hpp"\n'), [])

    def test_rejects_third_party_headers_shown_to_users(self):
        self.assertEqual(len(self.problems(include__ntkflow__io__a="#include <hdf5.h>\n")), 1)
        self.assertEqual(len(self.problems(include__ntkflow__kernel__a="#include <mpi.h>\n")), 1)
        self.assertEqual(self.problems(include__ntkflow__dist__a="#include <mpi.h>\n#include <vector>\n"), [])
        self.assertEqual(self.problems(src__io__a="#include <hdf5.h>\n"), [])

    def test_rejects_quotes_in_a_public_header(self):
        self.assertEqual(len(self.problems(include__ntkflow__io__a='#include "b.hpp"\n')), 1)

    def test_rejects_a_module_without_a_row(self):
        self.assertEqual(len(self.problems(src__novel__a="\n")), 1)

    def test_names_file_and_line(self):
        (problem,) = self.problems(src__io__a="\n\n#include <ntkflow/data/x.hpp>\n")
        self.assertRegex(problem, r"src/io/a\.cpp:3: io may not include ntkflow/data/x\.hpp")
