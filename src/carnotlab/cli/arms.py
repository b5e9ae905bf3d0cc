"""Missing arms of studies, computed by other processes before this one reads and judges them."""

import threading
from collections.abc import Sequence
from pathlib import Path

from carnotlab.cli.item_progress import told
from carnotlab.cli.output import say
from carnotlab.cli.planning import Plan
from carnotlab.runs.compiled_programs import keep_compiled_programs
from carnotlab.runs.executors.base import Failed
from carnotlab.runs.executors.choosing import executor_of
from carnotlab.studies.arm_work import ArmWork, missing_arms


def compute_arms(
    plans: Sequence[Plan],
    out: Path,
    scheduler: str | None,
    jobs: int | None,
    stop: threading.Event | None,
) -> frozenset[str]:
    """Compute what the store in ``out`` lacks of some studies; return the keys of what failed.

    Each failure is named in a line on stderr.

    Raises:
        InputError: if no scheduler answers, the workers do not see the folder or would file
            results otherwise, or the disk is full. What was finished is kept.
    """
    items = missing_arms([(p.study, p.size, p.settings, p.keys) for p in plans], plans[0].store)
    if not items:
        return frozenset()
    for plan in plans:
        for words in plan.outlook:
            say(words)
    name = plans[0].study.name if len(plans) == 1 else f"{len(plans)} studies"
    with executor_of(scheduler, jobs, keep_compiled_programs) as executor:
        executor.require_shared_folder(out)
        outcomes = executor.run(ArmWork(out.resolve()), items, stop)
        heard = told(outcomes, len(items), name, "arms", executor.where)
        failures = {items[o.index].key: o.reason for o in heard if isinstance(o, Failed)}
    for plan in plans:
        for label, key in plan.keys.items():
            if key in failures:
                say(f"failed: {plan.study.name}, {label}: {failures[key]}")
    return frozenset(failures)
