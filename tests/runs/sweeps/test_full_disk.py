"""A file system that is really full: said in one line, nothing lost, the rest done later."""

import shlex
import shutil
import subprocess
import sys

import pytest
from conftest import environment

PAGE = 4096
NAMESPACE = ["unshare", "--map-root-user", "--mount", "sh", "-c"]

FILE = """
import carnotlab as carnot
TASK = carnot.GaussianRegression(inputs=4, samples=24)
def experiment(lr: float = 0.1, width: int = 8) -> carnot.Experiment:
    training = carnot.Training(carnot.GradientDescent(lr), 20_000, record=carnot.Evenly(100))
    return carnot.Experiment(TASK, carnot.mlp(4, (width,), 1), training)
"""

SCRIPT = """
mount -t tmpfs -o size={size} none {disk} || exit 77
{sweep} --out {disk}/out
echo "status $?"
find {disk}/out -path '*finished/c/*' | wc -l
mount -o remount,size=64m {disk}
{sweep} --out {disk}/out
echo "status $?"
cp -r {disk}/out {kept}
"""


def mounts_allowed():
    """Whether this user may mount a file system of its own, seen by nobody else."""
    if shutil.which("unshare") is None:
        return False
    tried = [*NAMESPACE, "mount -t tmpfs none /mnt"]
    return subprocess.run(tried, capture_output=True, check=False).returncode == 0


@pytest.mark.slow
@pytest.mark.skipif(not mounts_allowed(), reason="a small file system cannot be mounted here")
def test_a_sweep_on_a_file_system_that_fills_up(tmp_path):
    disk, file = tmp_path / "disk", tmp_path / "toy.py"
    disk.mkdir()
    file.write_text(FILE)
    words = ["-m", "carnotlab.cli", "sweep", str(file), "lr=0.01..0.2:20"]
    sweep = shlex.join([sys.executable, *words, "seeds=20"])
    env = environment(CARNOT_CACHE=str(tmp_path / "cache"))
    subprocess.run([*shlex.split(sweep), "--out", str(tmp_path / "whole")], env=env, check=True,
                   capture_output=True)  # fmt: skip
    # Folders and descriptions come first; the packs are what does not fit.
    files = [file for file in (tmp_path / "whole").rglob("*") if file.is_file()]
    taken = sum(PAGE * -(-file.stat().st_size // PAGE) for file in files)
    script = SCRIPT.format(disk=disk, kept=tmp_path / "kept", sweep=sweep, size=taken * 5 // 6)
    done = subprocess.run(
        [*NAMESPACE, script], capture_output=True, text=True, env=env, check=False
    )
    assert "Traceback" not in done.stderr
    assert "No space left on device" in done.stderr
    assert "free some space" in done.stderr
    lines = done.stdout.splitlines()
    assert [line for line in lines if line.startswith("status")] == ["status 2", "status 0"]
    kept = int(lines[lines.index("status 2") + 1])
    assert 0 < kept < len(list(tmp_path.rglob("whole/**/finished/c/*")))
    assert chunks(tmp_path / "kept") == chunks(tmp_path / "whole")


def chunks(out):
    (root,) = (out / "sweeps").iterdir()
    return {
        file.relative_to(root).as_posix(): file.read_bytes()
        for file in root.rglob("c/*")
        if file.is_file()
    }
