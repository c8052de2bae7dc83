"""The version header follows git, and is left alone while nothing changes."""

import os
import pathlib
import subprocess
import tempfile
import unittest

CMAKE_FOLDER = pathlib.Path(os.environ["NTKFLOW_SOURCE_DIR"]) / "src" / "cmake"


class VersionHeaderTest(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.source = pathlib.Path(folder.name).resolve() / "source"
        self.source.mkdir()
        self.header = self.source.parent / "ntkflow_version.h"

    def git(self, *arguments: str) -> str:
        identity = ["-c", "user.name=Test", "-c", "user.email=test@localhost", "-c", "commit.gpgsign=false"]
        done = subprocess.run(["git", "-C", self.source, *identity, *arguments], check=True, capture_output=True)
        return done.stdout.decode().strip()

    def commit(self) -> str:
        (self.source / "file").write_text("one\n")
        self.git("init", "--quiet")
        self.git("add", "file")
        self.git("commit", "--quiet", "--no-verify", "--message", "one")
        return self.git("rev-parse", "--short=12", "HEAD")

    def revision(self, source=None, git="git") -> str:
        subprocess.run(
            [
                os.environ["CMAKE"],
                *("-D", f"GIT={git}"),
                *("-D", f"SOURCE_DIR={source or self.source}"),
                *("-D", "VERSION=1.2.3"),
                *("-D", f"TEMPLATE={CMAKE_FOLDER / 'ntkflow_version.h.in'}"),
                *("-D", f"HEADER={self.header}"),
                *("-P", CMAKE_FOLDER / "write_version.cmake"),
            ],
            check=True,
        )
        lines = self.header.read_text().splitlines()
        self.assertIn('#define NTKFLOW_VERSION "1.2.3"', lines)
        return next(line.split('"')[1] for line in lines if line.startswith("#define NTKFLOW_GIT_REVISION"))

    def test_names_the_commit_and_marks_changes(self):
        commit = self.commit()
        self.assertEqual(self.revision(), commit)
        (self.source / "file").write_text("two\n")
        self.assertEqual(self.revision(), commit + "-dirty")

    def test_is_not_touched_without_a_change(self):
        self.commit()
        self.revision()
        os.utime(self.header, (0, 0))
        self.revision()
        self.assertEqual(self.header.stat().st_mtime, 0)

    def test_is_unknown_outside_git_and_without_it(self):
        self.assertEqual(self.revision(), "unknown")
        self.commit()
        self.assertEqual(self.revision(git=""), "unknown")

    def test_does_not_take_a_surrounding_projects_revision(self):
        self.commit()
        inner = self.source / "third_party"
        inner.mkdir()
        self.assertEqual(self.revision(source=inner), "unknown")
