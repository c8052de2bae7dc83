"""jobs/setup.sh on machines of several kinds, acted by small programs in PATH that note how they are called."""

import os
import pathlib
import subprocess
import tempfile
import unittest

SETUP = pathlib.Path(os.environ["NTKFLOW_SOURCE_DIR"]) / "jobs" / "setup.sh"
TOOLS = ("bash", "sed", "grep", "find", "env", "cat")


class Machine:
    """A PATH with the given programs, each a line of shell, beside the few tools that setup.sh itself uses."""

    def __init__(self, folder: str, lists: bool, **programs: str):
        self.folder = pathlib.Path(folder)
        self.calls = self.folder / "calls"
        self.calls.touch()
        bin_folder = self.folder / "bin"
        bin_folder.mkdir()
        for tool in TOOLS:
            path = next(p for p in (pathlib.Path("/bin"), pathlib.Path("/usr/bin")) if (p / tool).exists())
            (bin_folder / tool).symlink_to(path / tool)
        for name, line in programs.items():
            program = bin_folder / name.replace("_", "-")
            program.write_text(f'#!/bin/bash\necho "$(id -u):{program.name} $*" >> "{self.calls}"\n{line}\n')
            program.chmod(0o755)
        lists_folder = self.folder / "lists"
        lists_folder.mkdir()
        if lists:
            (lists_folder / "mirror_Packages.lz4").touch()
        self.environment = {"PATH": str(bin_folder), "NTKFLOW_APT_LISTS": str(lists_folder)}

    def setup(self, group: str = "run", **environment: str) -> subprocess.CompletedProcess:
        return subprocess.run(
            ["bash", SETUP, group], env=self.environment | environment, capture_output=True, text=True
        )

    def called(self, program: str) -> list:
        """Arguments of each call of `program`."""
        calls = [line.split(":", 1)[1] for line in self.calls.read_text().splitlines()]
        return [call.removeprefix(program).strip() for call in calls if call.split()[0] == program]


ALL_INSTALLED = 'shift 2; for p in "$@"; do echo "installed $p"; done'
ALL_BUT_CMAKE = 'shift 2; for p in "$@"; do [ "$p" = cmake ] || echo "installed $p"; done; exit 1'
CMAKE_REMOVED = 'shift 2; for p in "$@"; do [ "$p" = cmake ] && echo "config-files $p" || echo "installed $p"; done'
ROOT_ID = '[ "$1" = -u ] && echo 0'
USER_ID = '[ "$1" = -u ] && echo 1000'


class SetupTest(unittest.TestCase):
    def machine(self, lists: bool = True, **programs: str) -> Machine:
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        # `id` is called by every other program's note, so it must note nothing itself.
        machine = Machine(folder.name, lists, **{"dpkg_query": ALL_BUT_CMAKE, "apt_get": "true", **programs})
        identity = machine.folder / "bin" / "id"
        identity.write_text("#!/bin/bash\n" + programs.get("id", ROOT_ID) + "\n")
        identity.chmod(0o755)
        return machine

    def test_does_nothing_where_nothing_is_missing(self):
        machine = self.machine(dpkg_query=ALL_INSTALLED)
        done = machine.setup()
        self.assertEqual((done.returncode, done.stdout), (0, ""), done.stderr)
        self.assertEqual(machine.called("apt-get"), [])

    def test_installs_what_is_missing_as_root_and_says_so(self):
        for query in (ALL_BUT_CMAKE, CMAKE_REMOVED):
            machine = self.machine(dpkg_query=query)
            done = machine.setup()
            self.assertEqual(done.returncode, 0, done.stderr)
            self.assertEqual(machine.called("apt-get"), ["install --yes --no-install-recommends cmake"])
            self.assertIn("+ env DEBIAN_FRONTEND=noninteractive apt-get install", done.stdout)

    def test_updates_first_where_there_are_no_package_lists(self):
        machine = self.machine(lists=False)
        self.assertEqual(machine.setup().returncode, 0)
        self.assertEqual(machine.called("apt-get"), ["update", "install --yes --no-install-recommends cmake"])

    def test_updates_and_tries_again_where_the_lists_are_old(self):
        machine = self.machine(apt_get='[ "$1" = update ] && : > "$0.updated"; [ -e "$0.updated" ]')
        self.assertEqual(machine.setup().returncode, 0)
        self.assertEqual([call.split()[0] for call in machine.called("apt-get")], ["install", "update", "install"])

    def test_fails_where_the_installation_fails(self):
        self.assertNotEqual(self.machine(apt_get="exit 100").setup().returncode, 0)

    def test_uses_sudo_that_asks_no_password(self):
        machine = self.machine(id=USER_ID, sudo='[ "$2" = true ] || { shift; "$@"; }')
        done = machine.setup()
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(machine.called("apt-get"), ["install --yes --no-install-recommends cmake"])
        self.assertIn("+ sudo -n env", done.stdout)

    def test_prints_the_administrators_line_without_rights(self):
        for programs in ({}, {"sudo": "exit 1"}):
            machine = self.machine(id=USER_ID, **programs)
            done = machine.setup()
            self.assertEqual(done.returncode, 1)
            self.assertIn("sudo apt-get update && sudo apt-get install --no-install-recommends cmake\n", done.stderr)
            self.assertEqual(machine.called("apt-get"), [])

    def test_names_the_packages_on_another_distribution_and_can_be_skipped(self):
        machine = self.machine()
        (machine.folder / "bin" / "apt-get").unlink()
        done = machine.setup("test")
        self.assertEqual(done.returncode, 1)
        self.assertIn("libgtest-dev", done.stderr)
        self.assertEqual(machine.setup("test", NTKFLOW_SKIP_SETUP="1").returncode, 0)

    def test_goes_on_without_optional_packages_of_the_checks(self):
        query = 'shift 2; for p in "$@"; do [ "$p" = munge ] || echo "installed $p"; done'
        done = self.machine(dpkg_query=query, apt_get="exit 100").setup("ci")
        self.assertEqual(done.returncode, 0)
        self.assertIn("Going on without", done.stdout)

    def test_refuses_an_unknown_group(self):
        self.assertEqual(self.machine().setup("everything").returncode, 2)
