"""The MNIST sample in inputs/ and the download of the full set, from mirrors on this machine."""

import functools
import gzip
import http.server
import os
import pathlib
import subprocess
import sys
import tempfile
import threading
import unittest

INPUTS = pathlib.Path(os.environ["NTKFLOW_SOURCE_DIR"]) / "inputs"
DATA = pathlib.Path(os.environ.get("NTKFLOW_DATA", INPUTS)) / "mnist"
NAMES = [f"{part}-{kind}-ubyte.gz" for part in ("train", "t10k") for kind in ("images-idx3", "labels-idx1")]
HAVE_MNIST = all((DATA / name).exists() for name in NAMES)
NO_MNIST = f"the full MNIST is not in {DATA} (inputs/fetch_mnist.sh fetches it)"


class QuietHandler(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_):
        pass


class MnistFilesTest(unittest.TestCase):
    def folder(self) -> pathlib.Path:
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        return pathlib.Path(folder.name)

    def mirror(self, folder: pathlib.Path) -> str:
        """The address of a server that gives out the files of a folder."""
        handler = functools.partial(QuietHandler, directory=str(folder))
        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        self.addCleanup(server.server_close)
        self.addCleanup(server.shutdown)
        return f"http://127.0.0.1:{server.server_port}"

    def fetch(self, target: pathlib.Path, *mirrors: str) -> subprocess.CompletedProcess:
        environment = os.environ | {"NTKFLOW_MNIST_MIRRORS": " ".join(mirrors), "no_proxy": "127.0.0.1"}
        return subprocess.run(
            ["bash", INPUTS / "fetch_mnist.sh", target], env=environment, capture_output=True, text=True
        )

    def mirror_of_wrong_files(self) -> str:
        folder = self.folder()
        for name in NAMES:
            (folder / name).write_bytes(gzip.compress(b"not MNIST"))
        return self.mirror(folder)

    def test_fails_clearly_without_a_mirror(self):
        target = self.folder() / "mnist"
        empty = self.mirror(self.folder())
        done = self.fetch(target, empty, empty)
        self.assertEqual(done.returncode, 1)
        self.assertIn("Is this machine online?", done.stderr)
        self.assertEqual(list(target.iterdir()), [])

    def test_refuses_wrong_content(self):
        target = self.folder() / "mnist"
        done = self.fetch(target, self.mirror_of_wrong_files())
        self.assertEqual(done.returncode, 1)
        self.assertIn("wrong checksum", done.stderr)
        self.assertEqual(list(target.iterdir()), [])

    @unittest.skipUnless(HAVE_MNIST, NO_MNIST)
    def test_takes_the_next_mirror_goes_on_and_repeats_nothing(self):
        target = self.folder() / "mnist"
        target.mkdir()
        # One file was cut off, one is there but spoilt.
        (target / (NAMES[0] + ".part")).write_bytes((DATA / NAMES[0]).read_bytes()[:100000])
        (target / NAMES[1]).write_bytes(b"spoilt")
        done = self.fetch(target, self.mirror_of_wrong_files(), self.mirror(DATA))
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(sorted(path.name for path in target.iterdir()), sorted(NAMES))
        for name in NAMES:
            self.assertEqual((target / name).read_bytes(), (DATA / name).read_bytes())
        again = self.fetch(target, "http://127.0.0.1:9")
        self.assertEqual(again.returncode, 0, again.stderr)
        self.assertNotIn("Fetching", again.stdout)

    @unittest.skipUnless(HAVE_MNIST, NO_MNIST)
    def test_the_sample_is_the_beginning_of_mnist(self):
        target = self.folder()
        subprocess.run([sys.executable, INPUTS / "mnist-sample" / "make_sample.py", DATA, target], check=True)
        for name in NAMES:
            with gzip.open(target / name) as made, gzip.open(INPUTS / "mnist-sample" / name) as stored:
                self.assertEqual(made.read(), stored.read(), name)

    def test_the_sample_has_its_size(self):
        for name, count in ((NAMES[0], 2000), (NAMES[2], 1000)):
            with gzip.open(INPUTS / "mnist-sample" / name) as images:
                self.assertEqual(len(images.read()), 16 + count * 28 * 28)
