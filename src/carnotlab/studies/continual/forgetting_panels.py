"""Panels of forgetting: distances task by task, by overlap, round by round, and at switches."""

from collections.abc import Mapping

import numpy as np
from matplotlib.axes import Axes

from carnotlab.measures.layer_matrices import END_TO_END_MAP
from carnotlab.runs.run import RunResult
from carnotlab.studies.continual.alternating_run import FORGOTTEN
from carnotlab.studies.continual.random_task_run import DISTANCE
from carnotlab.studies.continual.task_switch_run import PHASES, TaskSwitchRun, loss_on
from carnotlab.studies.errors import flow_time, observed, predicted
from carnotlab.studies.style import (
    COLOURS,
    LINES,
    MARKERS,
    draw_experiment,
    draw_residual,
    draw_theory,
    ink,
)
from carnotlab.theories.continual.alternating_tasks import worst_angle
from carnotlab.theories.continual.random_tasks import (
    expected_distances,
    forgetting,
    teachers_with_overlap,
)


def draw_distances(axes: Axes, plain: RunResult, noisy: RunResult) -> None:
    """Draw how far the first and third task are from the weights, over tasks learned."""
    for index, (result, task, label) in enumerate(
        ((plain, 0, "task 1"), (plain, 2, "task 3"), (noisy, 0, "task 1, noisy labels"))
    ):
        seen, expected = observed(result, DISTANCE), predicted(result, DISTANCE)
        done = np.arange(seen.shape[1])
        draw_experiment(axes, done, seen[:, :, task], index, label, middle_half=True)
        draw_theory(axes, done, expected[0, :, task], index)
    axes.set(
        title="random tasks: learned, then forgotten",
        xlabel="tasks learned",
        ylabel="squared distance from its teacher",
        ylim=(0.0, None),
    )
    axes.legend(fontsize="x-small")


def draw_overlaps(
    axes: Axes,
    runs: Mapping[float, RunResult],
    repeated: RunResult,
    size: int,
    samples: int,
    tasks: int,
) -> None:
    """Draw forgetting against the overlap of teachers, with its change of sign."""
    fine = np.linspace(0.0, 1.0, 60)
    theory = [
        forgetting(expected_distances(teachers_with_overlap(tasks, size, rho), samples))
        for rho in fine
    ]
    axes.plot(fine, theory, color=ink(), lw=1.1)
    axes.axhline(0.0, color=ink(), lw=0.6, ls=":")
    for index, (label, found) in enumerate(
        (("fresh inputs", runs), ("the same inputs in all\n(control)", {0.0: repeated}))
    ):
        values = [forgetting(observed(result, DISTANCE)) for result in found.values()]
        axes.errorbar(
            list(found),
            [value.mean() for value in values],
            [2.0 * value.std() / len(value) ** 0.5 for value in values],
            fmt=MARKERS[index],
            color=COLOURS[index],
            ms=5,
            label=label,
        )
    axes.set(
        title="similar tasks teach what others left open",
        xlabel="overlap of teachers",
        ylabel="forgetting (below 0: gain)",
    )
    axes.legend(fontsize="x-small")


def draw_alternating(axes: Axes, runs: Mapping[str, RunResult]) -> None:
    """Draw the loss on the first task after each round, over the loss of knowing nothing."""
    for index, (label, result) in enumerate(runs.items()):
        seen, expected = observed(result, FORGOTTEN), predicted(result, FORGOTTEN)
        rounds = np.arange(1, seen.shape[1] + 1)
        draw_experiment(axes, rounds, seen, index, label)
        draw_theory(axes, rounds, expected.mean(axis=0), index)
    rounds = np.arange(1, next(iter(runs.values())).observation.sizes["time"] + 1)
    worst = np.array([worst_angle(int(m))[1] for m in rounds])
    axes.plot(
        rounds, 0.5 * worst, color=ink(), lw=2.4, alpha=0.35, label="most, at the worst angle"
    )
    axes.set(
        title="two tasks in turn: repetition removes forgetting",
        xlabel="rounds",
        ylabel="loss on the first task",
        xscale="log",
        yscale="log",
    )
    axes.set_xticks(rounds, [str(m) for m in rounds])
    axes.minorticks_off()
    axes.legend(fontsize="x-small")


def draw_switches(
    courses: Axes, strip: Axes, result: RunResult, ignorant: RunResult, run: TaskSwitchRun
) -> None:
    """Draw the losses on two maps over the switches, with the theory that forgets them dotted."""
    time = flow_time(result)
    seen, expected = observed(result, END_TO_END_MAP), predicted(result, END_TO_END_MAP)
    naive = predicted(ignorant, END_TO_END_MAP)
    for index, name in enumerate(("first map", "second map")):
        target = run.maps[index]
        theory = loss_on(target, expected).mean(axis=0)
        draw_experiment(courses, time, loss_on(target, seen), index, f"loss on the {name}")
        draw_theory(courses, time, theory, index)
        courses.plot(
            time, loss_on(target, naive).mean(axis=0), color=COLOURS[index], lw=0.9, ls=LINES[3]
        )
        gap = loss_on(target, seen).mean(axis=0) - theory
        draw_residual(strip, time, gap / loss_on(target, 0.0 * target), index, 0.02)
    third = time[-1] / 3.0
    for phase, name in enumerate(PHASES):
        courses.axvline(phase * third, color=ink(), lw=0.5)
        courses.text((phase + 0.03) * third, courses.get_ylim()[1], name, va="bottom", fontsize=7)
    courses.set(ylabel="loss")
    courses.set_title("task switches, depth 2 (dotted: what was learned ignored)", pad=14)
    courses.tick_params(labelbottom=False)
    courses.legend(fontsize="x-small", loc="center right")
    strip.set(xlabel="flow time", ylabel="difference", ylim=(-0.05, 0.05))
