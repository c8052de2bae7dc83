"""The SLURM scripts without SLURM: run under launchers that hand their command line to `ntkflow plan` instead.

So each script is executed as it stands, and the program itself judges the options that the script gives it.
"""

import os
import pathlib
import re
import subprocess
import tempfile
import unittest

ROOT = pathlib.Path(os.environ["NTKFLOW_SOURCE_DIR"])
PROGRAM = pathlib.Path(os.environ["NTKFLOW_PROGRAM"])
SCRIPTS = sorted(ROOT.glob("jobs/*.sbatch"))

# Notes the launcher's own options and the threads, then runs what follows the program's name as a plan.
LAUNCHER = """#!/bin/bash
echo "$(basename "$0") $* OMP_NUM_THREADS=$OMP_NUM_THREADS SRUN_CPUS_PER_TASK=$SRUN_CPUS_PER_TASK" > "$LAUNCHER_LOG"
while [ $# -gt 0 ] && [ "$1" != "$NTKFLOW" ]; do shift; done
[ "$2" = run ] || { echo "the script does not call ntkflow run" >&2; exit 99; }
shift 2
exec "$NTKFLOW" plan "$@"
"""


class SlurmScriptsTest(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)
        for launcher in ("mpirun", "srun"):
            path = self.folder / launcher
            path.write_text(LAUNCHER)
            path.chmod(0o755)

    def run_script(self, script: pathlib.Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess:
        slurm = {
            "SLURM_JOB_ID": "4711",
            "SLURM_NTASKS": "2",
            "SLURM_CPUS_PER_TASK": "3",
            "SLURM_ARRAY_TASK_ID": "1",
            "PATH": f"{self.folder}:{os.environ['PATH']}",
            "NTKFLOW": str(PROGRAM),
            "LAUNCHER_LOG": str(self.folder / "log"),
        }
        return subprocess.run(
            ["bash", script, *arguments],
            cwd=ROOT,
            env=os.environ | slurm | environment,
            capture_output=True,
            text=True,
        )

    def launched(self) -> str:
        return (self.folder / "log").read_text()

    def test_there_are_scripts(self):
        self.assertEqual(len(SCRIPTS), 3)

    def test_the_program_accepts_each_command_line(self):
        for script in SCRIPTS:
            for launcher in ("mpirun", "srun"):
                with self.subTest(script=script.name, launcher=launcher):
                    done = self.run_script(script, "inputs/sample.toml", LAUNCHER=launcher)
                    self.assertEqual(done.returncode, 0, done.stdout + done.stderr)

    def test_the_program_judges_what_is_handed_on(self):
        for script in SCRIPTS:
            with self.subTest(script=script.name):
                done = self.run_script(script, "inputs/sample.toml", "--set", "kernel.detph=3")
                self.assertEqual(done.returncode, 2, done.stdout + done.stderr)

    def test_ranks_threads_and_binding_come_from_slurm(self):
        for script in SCRIPTS:
            with self.subTest(script=script.name):
                self.run_script(script, "inputs/sample.toml")
                for part in ("mpirun -n 2 ", "slot:PE=3 --bind-to core", " OMP_NUM_THREADS=3"):
                    self.assertIn(part, self.launched())
                self.run_script(script, "inputs/sample.toml", LAUNCHER="srun")
                for part in ("srun --mpi=pmix", " OMP_NUM_THREADS=3", " SRUN_CPUS_PER_TASK=3"):
                    self.assertIn(part, self.launched())

    def test_refuses_an_unknown_launcher_and_a_missing_configuration(self):
        for script in SCRIPTS:
            with self.subTest(script=script.name):
                self.assertEqual(self.run_script(script, "inputs/sample.toml", LAUNCHER="aprun").returncode, 2)
                self.assertIn("usage: sbatch", self.run_script(script).stderr)

    def test_each_script_says_its_tasks_and_threads(self):
        for script in SCRIPTS:
            for option in ("ntasks", "cpus-per-task", "time", "output"):
                with self.subTest(script=script.name, option=option):
                    self.assertRegex(script.read_text(), rf"(?m)^#SBATCH --{option}=")

    def test_array_covers_the_list_and_never_overwrites(self):
        script = ROOT / "jobs" / "slurm-ridge-array.sbatch"
        values = (ROOT / "jobs" / "ridge-values.txt").read_text().split()
        self.assertIn(f"#SBATCH --array=1-{len(values)}%", script.read_text())
        self.assertNotIn("--overwrite", script.read_text())
        outputs = set()
        for index, value in enumerate(values, start=1):
            done = self.run_script(script, "inputs/sample.toml", SLURM_ARRAY_TASK_ID=str(index))
            self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
            self.assertIn(f"regression.ridge={value} ", self.launched())
            outputs.add(re.search(r"--output (\S+)", self.launched())[1])
        self.assertEqual(len(outputs), len(values))

    def test_array_stops_beyond_the_list(self):
        script = ROOT / "jobs" / "slurm-ridge-array.sbatch"
        done = self.run_script(script, "inputs/sample.toml", SLURM_ARRAY_TASK_ID="99")
        self.assertNotEqual(done.returncode, 0)
        self.assertIn("has no line 99", done.stderr)
