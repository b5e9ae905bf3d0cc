"""How far does a new fact about one item spread to others, and how does that develop?"""

from typing import ClassVar

import numpy as np
from jaxtyping import Float
from matplotlib.figure import Figure

from carnotlab.core.quantities import Quantity
from carnotlab.core.verdicts import Tolerance
from carnotlab.experiment.experiment import Experiment
from carnotlab.measures.modes import MODE_STRENGTH
from carnotlab.measures.representations import (
    LAYER_SIMILARITY,
    PLASTIC_PROJECTION,
    PROPERTY_PROJECTION,
    layer_similarity,
    plastic_projection,
)
from carnotlab.runs.run import Run, RunResult
from carnotlab.studies.errors import mean_of, observed, predicted
from carnotlab.studies.semantic.item_sets import (
    LARGE_TABLES,
    TABLES,
    ItemSettings,
    experiment_of,
    item_experiment,
    item_sets,
    shuffled,
)
from carnotlab.studies.semantic.projection_panels import (
    draw_all,
    draw_item,
    draw_plastic,
    draw_reach,
)
from carnotlab.studies.study import (
    Arm,
    Count,
    Judgement,
    Results,
    Settings,
    Size,
    Statistic,
    Study,
    StudyResult,
    role_of,
)
from carnotlab.studies.style import headline
from carnotlab.tasks.base import Task
from carnotlab.theories.deep_linear.modes import DeepLinearModes
from carnotlab.theories.semantic.inductive_projection import (
    InductiveProjection,
    damping_if_plastic,
    projection,
)
from carnotlab.theories.semantic.layer_similarity import similarity_from_modes

SPREAD = Tolerance(
    PROPERTY_PROJECTION,
    0.03,
    "root mean square over pairs, in units of the belief in the taught item, which is 1: ratios of "
    "hidden similarities, whose courses are good to 1 to 2 %; judged once the similarities have "
    "half of their final size, since before that the ratio is that of the random start",
)
PLASTIC = Tolerance(
    Quantity("plastic_projection_gap", (), "1", "distance from the damped projection, relative"),
    0.03,
    "at the end of training, where hidden norms are known to 1 %; steps at a twentieth of the "
    "curvature leave less than that",
)


class ProjectionSettings(ItemSettings, frozen=True, kw_only=True):
    """Settings of `InductiveProjectionStudy`."""

    features: Count = 500
    records: Count = 40


class InductiveProjectionStudy(Study):
    """A new property, taught of one item, over development."""

    name: ClassVar[str] = "inductive-projection"
    question: ClassVar[str] = (
        "To which other items does a network carry a property that it was taught of one, and how "
        "does that change as it develops?"
    )
    message: ClassVar[str] = (
        "A property spreads by hidden similarity: early to all, later to kin only, as the modes "
        "predict before training. If the taught item's own representation may move, the pattern "
        "stays and its size shrinks, by a factor known in closed form. From a large start the "
        "spread owes little to what was learned."
    )
    source: ClassVar[tuple[str, ...]] = ("saxe2019", "rogers2004", "kemp2008")
    data: ClassVar[str] = "tree model; tables of animals and plants (real)"
    takes_data: ClassVar[bool] = True
    settings: ClassVar[type[Settings]] = ProjectionSettings

    def defaults(self, size: Size) -> Settings:
        """Return the settings of a size."""
        if size == "smoke":
            return ProjectionSettings()
        return ProjectionSettings(
            seeds=8,
            step=0.05,
            records=80,
            features=1000,
            width=512,
            tables=(*TABLES, *LARGE_TABLES),
        )

    def arms(self, settings: Settings) -> tuple[tuple[Arm, ...], tuple[str, ...]]:
        """Return every set of items, and for the first a large start."""
        chosen = ProjectionSettings.of(settings)
        sets, skipped = item_sets(chosen)
        arms = [_arm(chosen, label, task) for label, task in sets.items()]
        first = next(iter(sets))
        arms.append(_arm(chosen, f"control: {first}, large start", sets[first], start=1.0))
        return tuple(arms), skipped

    def judgements(self, settings: Settings, labels: tuple[str, ...]) -> tuple[Judgement, ...]:
        """Judge the spread of properties while learning, then with a plastic representation."""
        chosen = ProjectionSettings.of(settings)
        experiments = {arm.label: experiment_of(arm) for arm in self.arms(settings)[0]}
        found: list[Judgement] = []
        first = labels[0]
        theory = strangers_projection(chosen, experiments[first].task)
        found.append(
            Judgement(_strangers(first), "control", SPREAD, (first,), _spread_gap(first, theory))
        )
        for label in labels:
            role = role_of(label)
            found.append(Judgement(label, role, SPREAD, (label,), _spread_gap(label, None)))
            if role == "test":
                damped = damped_projection(experiments[label], chosen.seeds)
                found.append(
                    Judgement(
                        f"{label}, plastic", "test", PLASTIC, (label,), _plastic_gap(label, damped)
                    )
                )
                if _damping_matters(damped, experiments[label], chosen.seeds):
                    found.append(
                        Judgement(
                            f"control: {label}, plastic, damping forgotten",
                            "control",
                            PLASTIC,
                            (label,),
                            _plastic_gap(label, None),
                        )
                    )
        return tuple(found)

    def figure(self, result: StudyResult) -> Figure:
        """Draw, per set, one item's property over time, all pairs, and how far properties reach."""
        chosen = ProjectionSettings.of(result.settings)
        arms = {arm.label: arm for arm in self.arms(chosen)[0]}
        sets = [label for label in result.results if not label.startswith("control")]
        figure = Figure(figsize=(12.5, 3.1 * len(sets)))
        grid = figure.add_gridspec(len(sets), 4)
        for row, label in enumerate(sets):
            run, task = result.results[label], experiment_of(arms[label]).task
            panels = [figure.add_subplot(grid[row, k]) for k in range(4)]
            draw_item(panels[0], label, run, task)
            draw_all(panels[1], run)
            draw_reach(panels[2], run, task)
            damped = damped_projection(experiment_of(arms[label]), chosen.seeds)
            draw_plastic(panels[3], run, damped)
        headline(
            figure,
            "A new property goes to all at first, later to kin only: lines theory, marks networks",
        )
        return figure


def strangers_projection(
    settings: ProjectionSettings, task: Task
) -> Float[np.ndarray, "time taught n"]:
    """Return the projection theory would give if every feature were dealt out anew to the items."""
    experiment = item_experiment(settings, shuffled(task))
    start = experiment.start(tuple(range(settings.seeds)))
    found = InductiveProjection().predict(experiment, start)[PROPERTY_PROJECTION.name]
    return np.asarray(found.mean("seed").values)


def developed(result: RunResult) -> int:
    """Return the first record at which the largest hidden similarity is half of its final one."""
    expected = np.asarray(result.observation[LAYER_SIMILARITY.name].values)[:, :, 0]
    size = np.linalg.norm(expected, axis=(2, 3)).mean(axis=0)
    return int(np.argmax(size >= 0.5 * size[-1]))


def _strangers(first: str) -> str:
    return f"control: {first}, by the theory of features dealt out anew"


def _arm(settings: ProjectionSettings, label: str, task: Task, start: float | None = None) -> Arm:
    run = Run(
        item_experiment(settings, task, start=start),
        InductiveProjection(),
        tuple(range(settings.seeds)),
        (layer_similarity, plastic_projection),
    )
    return Arm(label, run)


def _spread_gap(label: str, theory: Float[np.ndarray, "time taught n"] | None):
    def error(results: Results) -> Statistic:
        result = results[label]
        first = developed(result)
        seen = observed(result, PROPERTY_PROJECTION)[:, first:]
        expected = (
            predicted(result, PROPERTY_PROJECTION)[:, first:]
            if theory is None
            else theory[None, first:]
        )
        # An item with itself is 1 by definition and would only dilute the error.
        others = ~np.eye(seen.shape[-1], dtype=bool)
        gap = (seen - expected)[..., others]
        errors = np.sqrt(np.mean(gap**2, axis=(1, 2)))
        errors = np.where(np.isfinite(errors), errors, np.inf)
        return mean_of(errors)

    return error


def damped_projection(experiment: Experiment, seeds: int) -> Float[np.ndarray, "seed taught n"]:
    """Return theory's projection at the end if the taught item's representation may move."""
    course = DeepLinearModes().predict(experiment, experiment.start(tuple(range(seeds))))
    strengths = np.asarray(course[MODE_STRENGTH.name].transpose("seed", "time", "mode").values)
    near = similarity_from_modes(experiment, strengths[:, -1])[:, -1]
    squares = np.einsum("sii->si", near)
    power = np.sum(np.asarray(experiment.task.data().train.x) ** 2, axis=1)[0]
    damped = damping_if_plastic(np.sqrt(squares), float(power))[..., None] * projection(near)
    return np.where(np.eye(near.shape[-1], dtype=bool), 1.0, damped)


def _damping_matters(
    damped: Float[np.ndarray, "seed taught n"], experiment: Experiment, seeds: int
) -> bool:
    """Whether theory says that forgetting the damping is an error of twice the tolerance."""
    course = InductiveProjection().predict(experiment, experiment.start(tuple(range(seeds))))
    plain = np.asarray(course[PROPERTY_PROJECTION.name].isel(time=-1).values)
    others = ~np.eye(plain.shape[-1], dtype=bool)
    gap = np.linalg.norm((plain - damped)[:, others]) / np.linalg.norm(plain[:, others])
    return bool(gap > 2.0 * PLASTIC.error)


def _plastic_gap(label: str, expected_damped: Float[np.ndarray, "seed taught n"] | None):
    def error(results: Results) -> Statistic:
        result = results[label]
        seen = observed(result, PLASTIC_PROJECTION)[:, -1]
        expected = (
            predicted(result, PROPERTY_PROJECTION)[:, -1]
            if expected_damped is None
            else expected_damped
        )
        others = ~np.eye(seen.shape[-1], dtype=bool)
        gap, size = (seen - expected)[:, others], np.broadcast_to(expected, seen.shape)[:, others]
        errors = np.linalg.norm(gap, axis=1) / np.linalg.norm(size, axis=1)
        return mean_of(errors)

    return error
