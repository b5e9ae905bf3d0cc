"""Do the representations of items split broad to fine, at the times the tree of life predicts?"""

from typing import ClassVar

import numpy as np
from matplotlib.figure import Figure

from carnotlab.core.quantities import Quantity
from carnotlab.core.verdicts import Tolerance
from carnotlab.measures.representations import LAYER_SIMILARITY, hidden_representation
from carnotlab.runs.run import Run
from carnotlab.studies.errors import mean_course_error
from carnotlab.studies.semantic.differentiation_gaps import level_time_gap, split_time_gap
from carnotlab.studies.semantic.differentiation_panels import (
    draw_axes,
    draw_branching,
    draw_distances,
    draw_split_times,
)
from carnotlab.studies.semantic.item_sets import (
    LARGE_TABLES,
    TABLES,
    TREE,
    ItemSettings,
    experiment_of,
    item_experiment,
    item_names,
    item_sets,
    shuffled,
    tree_task,
)
from carnotlab.studies.study import (
    Arm,
    Count,
    Judgement,
    Results,
    Settings,
    Size,
    Study,
    StudyResult,
    role_of,
)
from carnotlab.studies.style import headline
from carnotlab.tasks.base import Task
from carnotlab.theories.semantic.layer_similarity import LayerSimilarity
from carnotlab.theories.semantic.tree_spectrum import level_half_times

COURSES = Tolerance(
    LAYER_SIMILARITY,
    0.03,
    "modes start along random hidden directions that overlap by 1/sqrt(width); what a weak one "
    "shares with stronger ones, up to a third of it at the small size, is lost to them; that moves "
    "its logarithm, of about ten, by 4 % at most and 1 to 2 % on average; steps of 10 % of the "
    "curvature leave 1e-4",
)
SPLITS = Tolerance(
    Quantity("split_times", (), "1", "relative error of when groups part in the hidden layer"),
    0.03,
    "times follow from the same courses, whose slope at one half is of the order of one over the "
    "time itself; 40 % of a record's spacing adds less than 1 %",
)
LEVELS = Tolerance(
    Quantity("level_times", (), "1", "relative error of when the levels of the tree part"),
    0.07,
    "singular values of one draw of N features scatter by sqrt(P/N)/2, 3 %, and times inversely; "
    "the strength of a random start, by a sixth with 128 units, moves its logarithm, of about ten, "
    "by 2 %",
)
LARGE = f"control: {TREE}, large start"
DEALT = f"control: {TREE}, features dealt out anew"


class DifferentiationSettings(ItemSettings, frozen=True, kw_only=True):
    """Settings of `ProgressiveDifferentiation`."""

    features: Count = 2000


class ProgressiveDifferentiation(Study):
    """The hidden representations of items as one trunk that branches, broad to fine."""

    name: ClassVar[str] = "progressive-differentiation"
    question: ClassVar[str] = (
        "Do the hidden representations of items start as one and split broad to fine, at times "
        "that follow from the tree the items come from?"
    )
    message: ClassVar[str] = (
        "All items begin as one point; the trunk splits level by level, at the times that the "
        "eigenvalues of the tree give before any feature is drawn, and on real tables at those of "
        "their singular values. Without kinship among the items nothing splits early."
    )
    source: ClassVar[tuple[str, ...]] = ("saxe2019", "rogers2004", "kemp2008")
    data: ClassVar[str] = "tree model; tables of animals and plants (real)"
    takes_data: ClassVar[bool] = True
    settings: ClassVar[type[Settings]] = DifferentiationSettings

    def defaults(self, size: Size) -> Settings:
        """Return the settings of a size."""
        if size == "smoke":
            return DifferentiationSettings()
        return DifferentiationSettings(
            seeds=16,
            step=0.05,
            records=120,
            features=4000,
            width=512,
            tables=(*TABLES, *LARGE_TABLES),
        )

    def arms(self, settings: Settings) -> tuple[tuple[Arm, ...], tuple[str, ...]]:
        """Return each set of items, and for the tree a large start and shuffled features."""
        chosen = DifferentiationSettings.of(settings)
        sets, skipped = item_sets(chosen)
        arms = [_arm(chosen, label, task) for label, task in sets.items()]
        if TREE in sets:
            arms.append(_arm(chosen, LARGE, sets[TREE], start=1.0))
            arms.append(_arm(chosen, DEALT, shuffled(sets[TREE])))
        return tuple(arms), skipped

    def judgements(self, settings: Settings, labels: tuple[str, ...]) -> tuple[Judgement, ...]:
        """Judge hidden similarities, when groups part, and when the levels of the tree do."""
        chosen = DifferentiationSettings.of(settings)
        tasks = {arm.label: experiment_of(arm).task for arm in self.arms(settings)[0]}
        found: list[Judgement] = []
        for label in labels:
            if label != DEALT:
                found.append(
                    Judgement(
                        label,
                        role_of(label),
                        COURSES,
                        (label,),
                        lambda results, label=label: mean_course_error(
                            results[label], LAYER_SIMILARITY
                        ),
                    )
                )
            if not label.startswith("control"):
                targets = np.asarray(tasks[label].data().train.y)
                found.append(
                    Judgement(
                        label,
                        "test",
                        SPLITS,
                        (label,),
                        lambda results, label=label, targets=targets: split_time_gap(
                            results[label], targets
                        ),
                    )
                )
            if label in (TREE, DEALT):
                found.append(_of_levels(chosen, label))
        return tuple(found)

    def figure(self, result: StudyResult) -> Figure:
        """Draw, per set, the branching trunk, the plane of two axes, and when items part."""
        chosen = DifferentiationSettings.of(result.settings)
        tasks = {arm.label: experiment_of(arm).task for arm in self.arms(result.settings)[0]}
        sets = [label for label in result.results if not label.startswith("control")]
        figure = Figure(figsize=(12.0, 3.5 * len(sets)))
        grid = figure.add_gridspec(len(sets), 3, width_ratios=(1.5, 1.0, 1.0))
        for row, label in enumerate(sets):
            run, task = result.results[label], tasks[label]
            branching, plane, times = (figure.add_subplot(grid[row, k]) for k in range(3))
            draw_branching(branching, run, task, item_names(task))
            branching.set_title(f"{label}: the hidden layer over time")
            draw_axes(plane, run, task)
            if label == TREE:
                draw_distances(times, run, tree_task(chosen), starting_strength(chosen))
            else:
                draw_split_times(times, run, task)
        headline(figure, "One trunk that branches, broad to fine: lines theory, colours networks")
        return figure


def starting_strength(settings: ItemSettings) -> float:
    r"""Return the mean strength :math:`|W_1v + W_2^\top u|^2/4` of a mode at the random start."""
    items = tree_task(settings).items
    return settings.start**2 * (settings.width / items + 1.0) / 4.0


def _arm(
    settings: DifferentiationSettings, label: str, task: Task, start: float | None = None
) -> Arm:
    run = Run(
        item_experiment(settings, task, start=start),
        LayerSimilarity("always"),
        tuple(range(settings.seeds)),
        (hidden_representation(1),),
    )
    return Arm(label, run)


def _of_levels(settings: DifferentiationSettings, label: str) -> Judgement:
    tree = tree_task(settings)
    expected = level_half_times(tree, 2, starting_strength(settings))

    def error(results: Results):
        return level_time_gap(results[label], tree, expected)

    return Judgement(label, role_of(label), LEVELS, (label,), error)
