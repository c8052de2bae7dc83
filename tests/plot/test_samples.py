"""Sample images: read from where the run read them, and left out with a sentence where that is no longer possible."""

import gzip

import numpy as np
import support

POINTS, CLASSES = 30, 3


class SamplesTest(support.Case):
    def setUp(self):
        super().setUp()
        random = np.random.default_rng(5)
        self.index = random.permutation(60)[:POINTS]
        self.label = np.arange(POINTS) % CLASSES
        self.images = random.integers(0, 256, (60, 8, 7))
        self.labels = np.zeros(60, dtype=int)
        self.labels[self.index] = self.label
        prediction = (
            random.normal(size=(4, POINTS, CLASSES)) + np.linspace(0, 9, 4)[:, None, None] * np.eye(3)[self.label]
        )
        self.arrays = {
            "dynamics__time": np.array([0.0, 1.0, 10.0, 100.0]),
            "dynamics__test_prediction": prediction,
            "data__test_label": self.label,
            "data__test_index": self.index,
        }

    def file(self, inputs: bytes, labels: bytes):
        """A result whose test set are these two files; the folder's name holds what stored paths escape."""
        folder = self.folder / "${images}"
        folder.mkdir(exist_ok=True)
        (folder / "x").write_bytes(inputs)
        (folder / "y").write_bytes(labels)
        stored = str(folder).replace("${", "$${")
        config = f'[data]\nformat = "idx"\ntest = {{ inputs = "{stored}/x", targets = "{stored}/y" }}\n'
        return self.result(config=config, **self.arrays)

    def drawn(self, inputs: bytes, labels: bytes):
        (path,) = self.draw(self.file(inputs, labels), "samples")
        self.assert_is_picture(path)
        return path.read_bytes()

    def assert_left_out(self, file, *words):
        """No figure of samples and one line that says why; the file has a confusion matrix still."""
        with support.h5py.File(file, "a") as opened:
            opened["/regression/test_prediction"] = self.arrays["dynamics__test_prediction"][-1]
        done = support.plot(file)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(done.stdout.split(), [str(self.folder / "result-figures" / "confusion.png")])
        self.assertEqual(len(done.stderr.splitlines()), 1, done.stderr)
        self.assertTrue(done.stderr.startswith("ntkflow-plot: note: no figure of samples: "), done.stderr)
        for word in words:
            self.assertIn(word, done.stderr)

    def test_plain_and_gzip_files_give_the_same_picture(self):
        images, labels = support.idx(self.images), support.idx(self.labels)
        plain = self.drawn(images, labels)
        self.assertEqual(self.drawn(gzip.compress(images), gzip.compress(labels)), plain)
        self.assertNotEqual(self.drawn(support.idx(255 - self.images), labels), plain)

    def test_rows_are_those_of_the_test_index(self):
        first = self.drawn(support.idx(self.images), support.idx(self.labels))
        others = np.setdiff1d(np.arange(60), self.index)
        self.images[others] = 0
        self.assertEqual(self.drawn(support.idx(self.images), support.idx(self.labels)), first)

    def test_names_classes_and_times(self):
        file = self.file(support.idx(self.images), support.idx(self.labels))
        texts = self.texts(self.draw(file, "samples", kind="svg")[0])
        for word in ("class 2", "t = 0", "t = 100", "Boxed: wrong."):
            self.assertIn(word, texts)

    def test_caption_counts_the_images(self):
        expected = {
            1: "The first test image. Boxed",
            4: "The first 4 test images. Boxed",
            6: "Left the first 5 test images, right one whose answer changes most. Boxed",
            POINTS: "Left the first 5 test images, right 5 whose answers change most. Boxed",
        }
        whole = self.arrays
        for points, caption in expected.items():
            self.arrays = whole | {
                "dynamics__test_prediction": whole["dynamics__test_prediction"][:, :points],
                "data__test_label": whole["data__test_label"][:points],
                "data__test_index": whole["data__test_index"][:points],
            }
            file = self.file(support.idx(self.images), support.idx(self.labels))
            with self.subTest(points):
                self.assertIn(caption, self.texts(self.draw(file, "samples", kind="svg")[0]))

    def test_images_that_are_gone(self):
        file = self.file(support.idx(self.images), support.idx(self.labels))
        (self.folder / "${images}" / "x").unlink()
        self.assert_left_out(file, "${images}/x", "No such file")

    def test_labels_that_have_changed(self):
        file = self.file(support.idx(self.images), support.idx((self.labels + 1) % CLASSES))
        self.assert_left_out(file, "${images}/y", "the file has changed")

    def test_fewer_images_than_there_were(self):
        self.assert_left_out(self.file(support.idx(self.images[:2]), support.idx(self.labels)), "has 2 rows")

    def test_files_that_are_cut_off(self):
        images, labels = support.idx(self.images), support.idx(self.labels)
        self.assert_left_out(self.file(images[:200], labels), "cut off")
        self.assert_left_out(self.file(gzip.compress(images)[:500], labels), "cut off")
        self.assert_left_out(self.file(images[:9], labels), "cut off")

    def test_files_of_something_else(self):
        labels = support.idx(self.labels)
        self.assert_left_out(self.file(b"1,2,3\n" * 100, labels), "is not an IDX file")
        self.assert_left_out(self.file(support.idx(self.images.reshape(60, -1)), labels), "are not images")

    def test_data_of_another_format(self):
        file = self.result(config='[data]\nformat = "csv"\ntest = { inputs = "x.csv" }\n', **self.arrays)
        self.assert_left_out(file, "not read from IDX files")
