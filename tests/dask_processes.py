"""A Dask scheduler and its workers, as processes that a test may kill."""

import signal
import subprocess
import sys
import time
from json import loads

from worker_processes import environment

QUIET = {"DASK_LOGGING__DISTRIBUTED": "critical"}


class Scheduler:
    """A scheduler as a user starts one, and its workers."""

    def __init__(self, folder, **variables):
        self._folder, self._file = folder, folder / "scheduler.json"
        self._variables = environment(**QUIET, **variables)
        options = ["--no-dashboard", "--host", "127.0.0.1", "--port", "0"]
        self.process = self._start("scheduler", *options, "--scheduler-file", str(self._file))
        self.workers = []
        until = time.monotonic() + 30
        while not self._file.exists() or not self._file.read_text().rstrip().endswith("}"):
            assert time.monotonic() < until
            time.sleep(0.05)

    @property
    def address(self):
        return loads(self._file.read_text())["address"]

    def add_worker(self, *before):
        options = ["--nthreads", "1", "--no-dashboard", "--local-directory", str(self._folder)]
        self.workers.append(self._start("worker", self.address, *options, before=before))

    def _start(self, *words, before=()):
        command = [*before, sys.executable, "-m", "dask", *words]
        return subprocess.Popen(command, env=self._variables, cwd=self._folder)

    def end(self):
        for process in (*self.workers, self.process):
            process.send_signal(signal.SIGCONT)
            process.kill()
            process.wait()
