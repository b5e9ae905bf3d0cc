"""Missing arms of studies, computed before this process reads and judges them."""

import threading
from collections.abc import Sequence
from pathlib import Path

from carnotlab.cli.item_progress import told
from carnotlab.cli.planning import Plan
from carnotlab.runs.compiled_programs import keep_compiled_programs
from carnotlab.runs.executors.base import Executor, Failed
from carnotlab.runs.executors.choosing import executor_of
from carnotlab.runs.executors.in_process import InProcess
from carnotlab.studies.arm_work import ArmWork, missing_arms


def compute_arms(
    plans: Sequence[Plan],
    out: Path,
    scheduler: str | None,
    jobs: int | None,
    stop: threading.Event | None,
) -> dict[str, str]:
    """Compute what the store in ``out`` lacks of some studies; return why by key what failed.

    Raises:
        InputError: if no scheduler answers, the workers do not see the folder or would file
            results otherwise, or the disk is full. What was finished is kept.
    """
    items = missing_arms([(p.study, p.size, p.settings, p.keys) for p in plans], plans[0].store)
    if not items:
        return {}
    names = list(dict.fromkeys(plan.study.name for plan in plans))
    name = names[0] if len(names) == 1 else f"{len(names)} studies"
    with _executor(scheduler, jobs) as executor:
        executor.require_shared_folder(out)
        outcomes = executor.run(ArmWork(out.resolve()), items, stop)
        heard = told(outcomes, len(items), name, "arms", executor.where)
        return {items[o.index].key: o.reason for o in heard if isinstance(o, Failed)}


def _executor(scheduler: str | None, jobs: int | None) -> Executor:
    if scheduler is None and jobs is None:
        # One at a time: the members of an arm use the devices as they can.
        return InProcess(1, keep_compiled_programs)
    return executor_of(scheduler, jobs, keep_compiled_programs)
