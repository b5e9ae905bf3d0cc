"""Do deep networks learn broad distinctions before fine ones, on a tree and on real animals?"""

from collections.abc import Callable
from pathlib import Path
from typing import ClassVar

import numpy as np
from matplotlib.figure import Figure

from carnotlab.core.quantities import Quantity
from carnotlab.core.verdicts import Role, Tolerance
from carnotlab.experiment.experiment import Experiment
from carnotlab.experiment.rules import GradientDescent
from carnotlab.experiment.times import Evenly
from carnotlab.experiment.training import Training
from carnotlab.measures.losses import TRAIN_PREDICTION, train_prediction
from carnotlab.measures.modes import MODE_STRENGTH
from carnotlab.networks.architectures import deep_linear
from carnotlab.networks.initialisation import Gaussian
from carnotlab.runs.run import Run
from carnotlab.studies.data_folder import find_tables
from carnotlab.studies.errors import flow_time, mean_course_error, mean_of, observed
from carnotlab.studies.semantic.hierarchy_panels import draw_levels, draw_order
from carnotlab.studies.semantic.item_sets import experiment_of
from carnotlab.studies.semantic.taxonomy import (
    Taxonomy,
    distinctions,
    half_times,
    order_violations,
    taxonomy,
)
from carnotlab.studies.study import (
    Arm,
    Count,
    Judgement,
    Positive,
    Results,
    Settings,
    Size,
    Statistic,
    Study,
    StudyResult,
)
from carnotlab.studies.style import (
    headline,
)
from carnotlab.tasks.base import Task
from carnotlab.tasks.feature_hierarchy import FeatureHierarchy
from carnotlab.tasks.item_features import ItemFeatures
from carnotlab.tasks.statistics import input_output_modes
from carnotlab.theories.deep_linear.mode_dynamics import time_to_reach
from carnotlab.theories.deep_linear.modes import DeepLinearModes

COURSES = Tolerance(
    MODE_STRENGTH,
    0.03,
    "a random start of relative size 1e-2 shifts each mode by a small part of its own rise, and "
    "steps of at most 10 % of the curvature leave an error of second order, 1 %",
)
ORDER = Tolerance(
    Quantity(
        "order_violations", (), "fraction", "finer distinctions not made later than broader ones"
    ),
    0.25,
    "one half is chance; half of that leaves room for animals whose taxonomy is no strict tree",
)
TREE = "tree model"
LARGE = f"control: {TREE}, large start"


class HierarchySettings(Settings, frozen=True, kw_only=True):
    """Settings of `LearningInAHierarchy`; ``tables`` are looked for in the data folder."""

    branching: tuple[Count, ...] = (2, 2, 2)
    flip: float = 0.15
    features: Count = 1000
    start: Positive = 1e-2
    width: Count = 64
    step: Positive = 0.1
    records: Count = 120
    weakest: Positive = 0.1
    tables: tuple[str, ...] = (
        "semantic/rogers_mcclelland_21.csv",
        "semantic/kemp_tenenbaum_animals_33x102.csv",
    )


class LearningInAHierarchy(Study):
    """Broad before fine: progressive differentiation, deep against shallow."""

    name: ClassVar[str] = "learning-in-a-hierarchy"
    question: ClassVar[str] = (
        "Do deep networks learn broad distinctions before fine ones, as children do, and does the "
        "theory say when each is learned?"
    )
    message: ClassVar[str] = (
        "Deep networks split plants from animals before birds from fish, at the times the theory "
        "gives, on a model tree and on real animals; shallow ones learn all distinctions at once."
    )
    source: ClassVar[tuple[str, ...]] = ("saxe2019", "rogers2004", "kemp2008")
    data: ClassVar[str] = "tree model; tables of animals and plants (real)"
    takes_data: ClassVar[bool] = True
    settings: ClassVar[type[Settings]] = HierarchySettings

    def defaults(self, size: Size) -> Settings:
        """Return the settings of a size."""
        if size == "smoke":
            return HierarchySettings()
        return HierarchySettings(
            seeds=16,
            step=0.05,
            records=200,
            tables=(
                *HierarchySettings().tables,
                "semantic/awa_mammals_50x85_binary.csv",
                "semantic/leuven_animals_129x225_category_features.csv",
            ),
        )

    def arms(self, settings: Settings) -> tuple[tuple[Arm, ...], tuple[str, ...]]:
        """Return a deep and a shallow arm for each set of items, and a large start on the tree."""
        chosen = HierarchySettings.of(settings)
        tree = FeatureHierarchy(chosen.branching, chosen.flip, chosen.features, whiten=True)
        sets: dict[str, Task] = {}
        if chosen.data is not None:
            paths, skipped = (Path(chosen.data),), ()
        else:
            paths, skipped = find_tables(chosen.tables)
            sets[TREE] = tree
        sets |= {path.stem: _table(path) for path in paths}
        arms: list[Arm] = []
        for label, task in sets.items():
            arms.append(_arm(chosen, f"{label}, deep", task, 2, chosen.start))
            arms.append(_arm(chosen, f"{label}, shallow", task, 1, chosen.start))
        if TREE in sets:
            arms.append(_arm(chosen, LARGE, tree, 2, 1.0))
        return tuple(arms), skipped

    def judgements(self, settings: Settings, labels: tuple[str, ...]) -> tuple[Judgement, ...]:
        """Judge courses where the theory should hold, and the order of distinctions."""
        arms = {arm.label: arm for arm in self.arms(settings)[0]}
        found: list[Judgement] = []
        for label in labels:
            task = experiment_of(arms[label]).task
            tree = taxonomy(np.asarray(task.data().train.y))
            large = label == LARGE
            found.append(
                Judgement(
                    label,
                    "control" if large else "test",
                    COURSES,
                    (label,),
                    lambda results, label=label: mean_course_error(results[label], MODE_STRENGTH),
                )
            )
            if not large:
                role: Role = "control" if label.endswith("shallow") else "test"
                found.append(
                    Judgement(label, role, ORDER, (label,), _violations(label, task, tree))
                )
        return tuple(found)

    def figure(self, result: StudyResult) -> Figure:
        """Draw, per set of items, the distinctions of a deep and of a shallow network."""
        arms = {arm.label: arm for arm in self.arms(result.settings)[0]}
        sets = [label.removesuffix(", deep") for label in result.results if label.endswith("deep")]
        figure = Figure(figsize=(11.0, 3.2 * len(sets)))
        grid = figure.add_gridspec(len(sets), 3)
        for row, label in enumerate(sets):
            task = experiment_of(arms[f"{label}, deep"]).task
            cell = grid[row, 0].subgridspec(2, 1, height_ratios=(3, 1))
            deep = figure.add_subplot(cell[0])
            strip = figure.add_subplot(cell[1], sharex=deep)
            shallow, order = figure.add_subplot(grid[row, 1]), figure.add_subplot(grid[row, 2])
            draw_levels(deep, strip, result.results[f"{label}, deep"], task, COURSES.error)
            draw_levels(shallow, None, result.results[f"{label}, shallow"], task, COURSES.error)
            draw_order(order, result.results, label, task)
            deep.set_title(f"{label.replace('_', ' ')}: deep")
            deep.legend(fontsize="x-small", title="lines: theory", title_fontsize="x-small")
            shallow.set_title("shallow (control): all at once")
            order.set_title("when each distinction is made")
        headline(figure, "Broad distinctions first, in deep networks only")
        return figure


def _table(path: Path) -> Task:
    return ItemFeatures(str(path), drop_constant=True, whiten=True)


def _arm(settings: HierarchySettings, label: str, task: Task, depth: int, start: float) -> Arm:
    strengths = np.asarray(input_output_modes(task).strengths)
    strongest = float(strengths[0])
    rate = settings.step / (depth * strongest ** (2.0 - 2.0 / depth))
    # Until a mode of this share of the strongest is nearly learned; finer ones are left unlearned.
    weakest = np.array(max(settings.weakest * strongest, float(strengths[-1])))
    duration = (
        6.0
        if depth == 1
        else 1.2 * float(time_to_reach(0.95 * weakest, 2, weakest, weakest * settings.start**2))
    )
    network = deep_linear(
        task.input_size,
        [settings.width] * (depth - 1),
        task.output_size,
        initialisation=Gaussian(start),
    )
    training = Training(
        GradientDescent(rate),
        duration=float(round(duration / rate)),
        record=Evenly(settings.records),
    )
    run = Run(
        Experiment(task, network, training),
        DeepLinearModes(),
        tuple(range(settings.seeds)),
        (train_prediction,),
    )
    return Arm(label, run)


def _violations(label: str, task: Task, tree: Taxonomy) -> Callable[[Results], Statistic]:
    """The share of violations in a member's order of distinctions, mean over members."""
    targets = np.asarray(task.data().train.y)

    def error(results: Results) -> Statistic:
        result = results[label]
        courses = distinctions(observed(result, TRAIN_PREDICTION), targets, tree)
        shares = np.array(
            [order_violations(half_times(flow_time(result), course), tree) for course in courses]
        )
        return mean_of(shares)

    return error
