"""A file system that is really full: said in one line, nothing lost, the rest done later."""

import shlex
import shutil
import subprocess

import pytest
from sweep_commands import start_sweep, stored_chunks, succeeds, sweep_words
from worker_processes import environment

PAGE = 4096
NAMESPACE = ["unshare", "--map-root-user", "--mount", "sh", "-c"]

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
    disk, cache = tmp_path / "disk", tmp_path / "cache"
    disk.mkdir()
    words = sweep_words(tmp_path, steps=20_000, batching="FullBatch()", records=100)
    succeeds(start_sweep(words, tmp_path / "whole", cache=cache))
    # Folders and descriptions come first; the packs are what does not fit.
    files = [file for file in (tmp_path / "whole").rglob("*") if file.is_file()]
    taken = sum(PAGE * -(-file.stat().st_size // PAGE) for file in files)
    script = SCRIPT.format(
        disk=disk, kept=tmp_path / "kept", sweep=shlex.join(words), size=taken * 5 // 6
    )
    env = environment(CARNOT_CACHE=str(cache))
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
    assert stored_chunks(tmp_path / "kept") == stored_chunks(tmp_path / "whole")
