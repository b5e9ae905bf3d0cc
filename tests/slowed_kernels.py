"""Programs that compute kernel matrices slowly and say so, to be killed in the middle."""

import os
import signal
from subprocess import Popen

from worker_processes import start_python

PROGRAM = """
import sys, time
from pathlib import Path
import numpy as np
from carnotlab.networks.architectures import mlp
from carnotlab.runs import block_work, blocked_kernel, kernel_blocks

# Other files may be edited while this runs; here the program stays the same.
blocked_kernel.code_digest = kernel_blocks.code_digest = lambda layers: "this program"

def slowed(real):
    def slow(*arguments, **options):
        time.sleep(float(sys.argv[2]))
        print("computed", flush=True)
        return real(*arguments, **options)
    return slow

block_work.kernels = slowed(block_work.kernels)
kernel_blocks.kernels = slowed(kernel_blocks.kernels)
folder = Path(sys.argv[1])
"""


def start_slowed(work: str, folder, pause: float) -> Popen[str]:
    """Start ``work``, which may use ``folder``; each kernel waits and is announced by a line."""
    return start_python("-c", PROGRAM + work, str(folder), str(pause))


def finish(work: str, folder) -> int:
    """Carry out ``work`` to its end; return how many kernels it computed."""
    process = start_slowed(work, folder, 0.0)
    said, complaints = process.communicate(timeout=300)
    assert process.returncode == 0, complaints
    return said.count("computed")


def kill_after(process: Popen[str], announced: int) -> None:
    """Kill a process that is at work, after it announced some kernels."""
    for _ in range(announced):
        assert process.stdout.readline().strip() == "computed"
    os.kill(process.pid, signal.SIGKILL)
    process.communicate()
    assert process.returncode == -signal.SIGKILL, "it ended before it was killed"
