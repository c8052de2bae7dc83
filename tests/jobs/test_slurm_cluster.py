"""The SLURM scripts on a real SLURM of one node, started for the test by slurm_cluster.sh."""

import os
import pathlib
import shutil
import subprocess
import tempfile
import unittest

ROOT = pathlib.Path(os.environ["NTKFLOW_SOURCE_DIR"])
PROGRAM = pathlib.Path(os.environ["NTKFLOW_PROGRAM"])
CLUSTER = pathlib.Path(__file__).parent / "slurm_cluster.sh"
SYSTEM_PATH = os.environ["PATH"] + ":/usr/sbin:/sbin"
MISSING = [d for d in ("munged", "slurmctld", "slurmd", "sbatch") if not shutil.which(d, path=SYSTEM_PATH)]
# The node of the test is small, and so is the problem.
SMALL = ("--set", "data.train_size=200", "--set", "data.test_size=100")
RESOURCES = ("--ntasks=2", "--ntasks-per-node=2", "--cpus-per-task=1", "--mem-per-cpu=256M", "--nodes=1")


@unittest.skipIf(len(os.sched_getaffinity(0)) < 2, "jobs of two ranks need two cores")
@unittest.skipIf(MISSING, f"not installed: {', '.join(MISSING)} (packages slurm-wlm and munge)")
class SlurmClusterTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        # A short path: munge's socket must fit in 108 bytes.
        folder = tempfile.TemporaryDirectory(prefix="ntkflow", dir="/tmp")
        cls.addClassCleanup(folder.cleanup)
        cls.folder = pathlib.Path(folder.name)
        cls.environment = os.environ | {
            "SLURM_CONF": str(cls.folder / "slurm.conf"),
            "NTKFLOW": str(PROGRAM),
        }
        cls.addClassCleanup(subprocess.run, [CLUSTER, "down", cls.folder])
        subprocess.run([CLUSTER, "up", cls.folder], check=True)

    def sbatch(self, *arguments: str, **environment: str) -> subprocess.CompletedProcess:
        work = self.folder / "work"
        work.mkdir(exist_ok=True)
        for name in ("inputs", "jobs"):
            if not (work / name).exists():
                (work / name).symlink_to(ROOT / name)
        return subprocess.run(
            ["sbatch", f"--chdir={work}", *RESOURCES, *arguments],
            cwd=work,
            env=self.environment | environment,
            capture_output=True,
            text=True,
            timeout=60,
        )

    def logs(self) -> str:
        return "\n".join(path.read_text() for path in (self.folder / "work").glob("*.log"))

    def test_slurm_accepts_each_script(self):
        for script in sorted(ROOT.glob("jobs/*.sbatch")):
            with self.subTest(script=script.name):
                done = self.sbatch("--test-only", str(script), "inputs/sample.toml")
                self.assertEqual(done.returncode, 0, done.stderr)

    def test_slurm_refuses_what_the_node_does_not_have(self):
        script = ROOT / "jobs" / "slurm-one-node.sbatch"
        self.assertNotEqual(self.sbatch("--test-only", "--nodes=3", str(script), "inputs/sample.toml").returncode, 0)

    def test_runs_under_mpirun_and_srun(self):
        script = str(ROOT / "jobs" / "slurm-one-node.sbatch")
        for launcher in ("mpirun", "srun"):
            with self.subTest(launcher=launcher):
                before = set((self.folder / "work").glob("sample-*.h5"))
                done = self.sbatch("--wait", script, "inputs/sample.toml", *SMALL, LAUNCHER=launcher)
                self.assertEqual(done.returncode, 0, done.stderr + self.logs())
                self.assertEqual(len(set((self.folder / "work").glob("sample-*.h5")) - before), 1, self.logs())

    def test_array_writes_one_file_per_ridge_and_leaves_it_alone(self):
        script = str(ROOT / "jobs" / "slurm-ridge-array.sbatch")
        done = self.sbatch("--wait", "--array=2-3", script, "inputs/sample.toml", *SMALL)
        self.assertEqual(done.returncode, 0, done.stderr + self.logs())
        names = sorted(path.name for path in (self.folder / "work").glob("*ridge*.h5"))
        self.assertEqual(names, ["sample-ridge-2.h5", "sample-ridge-3.h5"])
        again = self.sbatch("--wait", "--array=2", script, "inputs/sample.toml", *SMALL)
        self.assertEqual(again.returncode, 6, again.stderr + self.logs())

    def test_the_programs_exit_code_is_the_jobs(self):
        script = str(ROOT / "jobs" / "slurm-one-node.sbatch")
        done = self.sbatch("--wait", script, "inputs/sample.toml", "--set", "kernel.depth=0", LAUNCHER="srun")
        self.assertEqual(done.returncode, 2, done.stderr + self.logs())
