"""The items that studies of knowledge are about: a model tree, real tables, a user's own table."""

from pathlib import Path

import numpy as np
from jaxtyping import Float

from carnotlab.core.errors import require_positive
from carnotlab.experiment.experiment import Experiment
from carnotlab.experiment.rules import GradientDescent
from carnotlab.experiment.times import At, Evenly
from carnotlab.experiment.training import Training
from carnotlab.networks.architectures import deep_linear
from carnotlab.networks.initialisation import Gaussian
from carnotlab.runs.run import Run
from carnotlab.studies.data_folder import find_tables
from carnotlab.studies.study import Arm, Count, Positive, Settings
from carnotlab.tasks.arrays import from_arrays
from carnotlab.tasks.base import Task
from carnotlab.tasks.feature_hierarchy import FeatureHierarchy
from carnotlab.tasks.item_features import ItemFeatures
from carnotlab.tasks.statistics import input_output_modes
from carnotlab.theories.deep_linear.mode_dynamics import time_to_reach

TREE = "tree model"
NAMES = {
    "rogers_mcclelland_8": "Rumelhart",
    "rogers_mcclelland_21": "Rogers and McClelland",
    "kemp_tenenbaum_animals_33x102": "Kemp and Tenenbaum",
    "osherson_mammals_50x85_ratings": "Osherson",
    "awa_mammals_50x85_binary": "mammals, binary",
    "leuven_animals_129x225_category_features": "Leuven",
    "leuven_animals_129x764_exemplar_features": "Leuven, exemplar features",
}
TABLES = (
    "semantic/rogers_mcclelland_21.csv",
    "semantic/kemp_tenenbaum_animals_33x102.csv",
    "semantic/osherson_mammals_50x85_ratings.csv",
)
LARGE_TABLES = ("semantic/leuven_animals_129x225_category_features.csv",)
"""Too slow for the small size."""


class ItemSettings(Settings, frozen=True, kw_only=True):
    """What studies of items and features have in common.

    ``start`` is the scale of the random start, ``step`` the learning rate times the largest
    curvature; training lasts until modes of ``weakest`` times the strongest are learned.
    ``tables`` are looked for in the data folder.
    """

    branching: tuple[Count, ...] = (2, 2, 2)
    flip: float = 0.15
    features: Count = 1000
    start: Positive = 3e-3
    width: Count = 128
    step: Positive = 0.1
    records: Count = 60
    weakest: Positive = 0.1
    tables: tuple[str, ...] = TABLES


def tree_task(settings: ItemSettings) -> FeatureHierarchy:
    """Return the tree model, with whitened items."""
    return FeatureHierarchy(settings.branching, settings.flip, settings.features, whiten=True)


def item_sets(settings: ItemSettings) -> tuple[dict[str, Task], tuple[str, ...]]:
    """Return the sets of items by name, and in words what is skipped.

    The tree and the tables in the data folder; or the user's table alone.
    """
    if settings.data is not None:
        return {Path(settings.data).stem: table_task(Path(settings.data))}, ()
    paths, skipped = find_tables(settings.tables)
    tables = {NAMES.get(path.stem, path.stem): table_task(path) for path in paths}
    return {TREE: tree_task(settings), **tables}, skipped


def table_task(path: Path) -> ItemFeatures:
    """Return a table as a task: whitened items, features in units of the largest entry.

    Missing ratings take the feature's mean; features that all items share are left out.
    """
    raw = ItemFeatures(str(path), missing="mean", drop_constant=True, whiten=True)
    largest = float(np.abs(raw.data().train.y).max())
    require_positive("the largest entry of the table", largest)
    if largest == 1.0:
        return raw
    return ItemFeatures(
        str(path), missing="mean", drop_constant=True, whiten=True, scale=1.0 / largest
    )


def shuffled(task: Task, seed: int = 0) -> Task:
    """Return the same items with every feature dealt out anew: no two items are kin."""
    data = task.data().train
    x, y = np.asarray(data.x), np.asarray(data.y)
    dealt = np.random.default_rng(seed).permuted(y, axis=0)
    return on_inputs(x, dealt, "shuffled features")


def on_inputs(
    x: Float[np.ndarray, "items d"], y: Float[np.ndarray, "items features"], name: str
) -> Task:
    """Return a task of items with inputs of one's own; the held-out set is the training set."""
    return from_arrays(x, y, x_test=x, y_test=y, kind="regression", name=name)


def item_names(task: Task) -> tuple[str, ...]:
    """Return the names of a table's items, numbers for others."""
    if isinstance(task, ItemFeatures):
        return task.items
    return tuple(str(item + 1) for item in range(len(task.data().train.x)))


def item_experiment(
    settings: ItemSettings,
    task: Task,
    depth: int = 2,
    *,
    start: float | None = None,
    width: int | None = None,
    duration: float | None = None,
    last_only: bool = False,
) -> Experiment:
    """Return a deep linear network on a set of items, trained until the weakest modes are learned.

    ``duration`` is a flow time; without it, that of a mode ``settings.weakest`` times as strong as
    the strongest, or of the last one if that is stronger. With ``last_only`` only the end is
    recorded.
    """
    scale = settings.start if start is None else start
    units = settings.width if width is None else width
    strengths = np.asarray(input_output_modes(task).strengths)
    strongest = float(strengths[0])
    curvature = depth * strongest ** (2.0 - 2.0 / depth)
    if depth == 2:
        # Of a large start: that of the first layer's activity and of the second layer's weights.
        spread = (1.0 + (task.output_size / units) ** 0.5) ** 2
        curvature = max(curvature, scale**2 * (units / task.input_size + spread))
    rate = settings.step / curvature
    if duration is None:
        duration = learning_time(settings, strengths, depth)
    steps = float(round(duration / rate))
    return Experiment(
        task,
        deep_linear(
            task.input_size,
            [units] * (depth - 1),
            task.output_size,
            initialisation=Gaussian(scale),
        ),
        Training(
            GradientDescent(rate),
            duration=steps,
            record=At((steps,)) if last_only else Evenly(settings.records),
        ),
    )


def experiment_of(arm: Arm) -> Experiment:
    """Return the experiment of an arm that trains one."""
    assert isinstance(arm.run, Run)
    return arm.run.experiment


def learning_time(
    settings: ItemSettings, strengths: Float[np.ndarray, " modes"], depth: int
) -> float:
    """Return the flow time after which modes of the weakest strength asked for are learned."""
    if depth == 1:
        return 6.0
    weakest = np.array(max(settings.weakest * float(strengths[0]), float(strengths[-1])))
    begin = np.minimum(settings.start**depth, 0.1 * weakest)
    return 1.2 * float(time_to_reach(0.95 * weakest, depth, weakest, begin))
