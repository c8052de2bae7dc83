"""Configuring with a library that is the wrong one stops with a sentence that says what to install.

The wrong libraries are made here: an HDF5 whose compiler wrapper and header say that it is serial, libraries that ask
for another MPI, and the reference BLAS where it is installed.
"""

import os
import pathlib
import subprocess
import tempfile
import unittest

CMAKE = os.environ["CMAKE"]
REFERENCE_BLAS = sorted(pathlib.Path("/usr/lib").glob("*/blas/libblas.so.3"))


class ConfigureFailuresTest(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)

    def message(self, *arguments: str) -> str:
        """What CMake says when it stops, in one line."""
        done = subprocess.run(
            [
                CMAKE,
                *("-G", os.environ["GENERATOR"]),
                *("-S", os.environ["NTKFLOW_SOURCE_DIR"]),
                *("-B", self.folder / "build"),
                *("-DNTKFLOW_BUILD_TESTS=OFF", "-DNTKFLOW_BUILD_BENCHMARKS=OFF"),
                f"-DCMAKE_C_COMPILER={os.environ['C_COMPILER']}",
                f"-DCMAKE_CXX_COMPILER={os.environ['CXX_COMPILER']}",
                *arguments,
            ],
            capture_output=True,
            text=True,
        )
        self.assertNotEqual(done.returncode, 0, done.stdout)
        return " ".join(done.stderr.split())

    def shared_library(self, name: str, *link: str) -> pathlib.Path:
        path = self.folder / name
        subprocess.run(
            [os.environ["C_COMPILER"], "-shared", "-fPIC", "-x", "c", "/dev/null", "-x", "none"]
            + ["-Wl,--no-as-needed", f"-Wl,-soname,{name}", "-o", str(path), *link],
            check=True,
        )
        return path

    def foreign_library(self, name: str) -> pathlib.Path:
        return self.shared_library(name, str(self.shared_library("libmpich.so.99")))

    def hdf5_wrapper(self, library: pathlib.Path, definitions: str) -> pathlib.Path:
        """A compiler wrapper like h5cc that names the given library, with a header that holds the definitions."""
        (self.folder / "H5public.h").write_text('#define H5_VERS_INFO "HDF5 library version: 1.10.8"\n')
        (self.folder / "H5pubconf.h").write_text('#define H5_VERSION "1.10.8"\n' + definitions)
        (self.folder / "hdf5.h").write_text('#include "H5public.h"\n#include "H5pubconf.h"\n')
        (self.folder / "hdf5_hl.h").write_text("")
        (self.folder / "libhdf5.settings").write_text("")
        wrapper = self.folder / "h5cc"
        show = f"{os.environ['C_COMPILER']} -I{self.folder} {library}"
        wrapper.write_text(f"#!/bin/sh\ncase $* in *-show*) echo {show};; *) exec {show} \"$@\";; esac\n")
        wrapper.chmod(0o755)
        return wrapper

    def message_with_hdf5(self, library: pathlib.Path, definitions: str) -> str:
        wrapper = self.hdf5_wrapper(library, definitions)
        return self.message(
            f"-DHDF5_C_COMPILER_EXECUTABLE={wrapper}",
            "-DHDF5_NO_FIND_PACKAGE_CONFIG_FILE=ON",
            f"-DHDF5_hdf5_LIBRARY_RELEASE={library}",
            f"-DHDF5_C_INCLUDE_DIR={self.folder}",
        )

    def test_serial_hdf5(self):
        message = self.message_with_hdf5(self.shared_library("libhdf5.so"), "")
        self.assertIn("is a serial build", message)
        self.assertIn("libhdf5-openmpi-dev", message)

    def test_hdf5_of_another_mpi(self):
        message = self.message_with_hdf5(self.foreign_library("libhdf5.so"), "#define H5_HAVE_PARALLEL 1\n")
        self.assertIn("HDF5", message)
        self.assertIn("was built for another MPI (libmpich.so.99)", message)

    def test_scalapack_of_another_mpi(self):
        library = self.foreign_library("libscalapack.so")
        message = self.message(f"-DScaLAPACK_LIBRARY={library}")
        self.assertIn(f"ScaLAPACK ({library}) was built for another MPI (libmpich.so.99)", message)
        self.assertIn("libscalapack-openmpi-dev", message)

    def test_no_scalapack(self):
        message = self.message("-DScaLAPACK_LIBRARY=")
        self.assertIn("libscalapack-openmpi-dev", message)

    @unittest.skipUnless(REFERENCE_BLAS, "the reference BLAS (package libblas3) is not installed")
    def test_reference_blas(self):
        message = self.message("-DBLA_VENDOR=Generic", f"-DBLAS_blas_LIBRARY={REFERENCE_BLAS[0]}")
        self.assertIn("is none of OpenBLAS, MKL or BLIS", message)
        self.assertIn("libopenblas-openmp-dev", message)
