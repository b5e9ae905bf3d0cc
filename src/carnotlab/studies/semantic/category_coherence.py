"""Which categories become a mode of their own, and is a category without one unknown?"""

from collections.abc import Callable
from typing import ClassVar

import numpy as np
from matplotlib.figure import Figure

from carnotlab.core.quantities import Quantity
from carnotlab.core.verdicts import Tolerance
from carnotlab.measures.losses import train_prediction
from carnotlab.runs.run import Run
from carnotlab.studies.errors import mean_apart, mean_of
from carnotlab.studies.semantic.category_draws import (
    CATEGORY_OVERLAP,
    CategoryDraws,
    TableDraws,
    category,
)
from carnotlab.studies.semantic.category_gaps import known_share, mode_overlaps
from carnotlab.studies.semantic.category_panels import draw_overlaps, draw_trained
from carnotlab.studies.semantic.item_sets import (
    LARGE_TABLES,
    TREE,
    ItemSettings,
    item_experiment,
    item_sets,
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
    role_of,
)
from carnotlab.studies.style import headline
from carnotlab.tasks.item_features import ItemFeatures
from carnotlab.tasks.planted_category import PlantedCategory
from carnotlab.theories.deep_linear.modes import DeepLinearModes
from carnotlab.theories.semantic.category_coherence import category_overlap

OVERLAP = Tolerance(
    CATEGORY_OVERLAP,
    0.03,
    "the law is a limit of many items and features: at 400 its corrections are of order 1/100 away "
    "from the threshold, and the mean over draws is known to as much",
)
ON_TABLES = Tolerance(
    CATEGORY_OVERLAP,
    0.1,
    "corrections to the limit are of order one over the root of the items just above the "
    "threshold and of 1/items far from it; the real tables have 33 to 129 items",
)
TRAINED = Tolerance(
    CATEGORY_OVERLAP,
    0.08,
    "one table: at coherence 3 an overlap scatters by 0.02 with 400 items, by 0.04 with 120, and "
    "all networks see the same table; twice that",
)
KNOWN = Tolerance(
    Quantity("category_unknown", (), "1", "output along the category that is not yet as taught"),
    0.05,
    "modes too weak to be learned by the end, 0.15 of the strongest, hold a share of a category of "
    "the order of their squared strength, 2 %",
)


class CoherenceSettings(ItemSettings, frozen=True, kw_only=True):
    """Settings of `CategoryCoherence`; ``outside`` is the rate of features outside the category.

    ``coherences`` are those of categories in noise, ``planted`` of those in real tables,
    ``trained`` of those that networks learn; there are ``draws`` tables for each seed.
    """

    tables: tuple[str, ...] = (
        "semantic/kemp_tenenbaum_animals_33x102.csv",
        "semantic/osherson_mammals_50x85_ratings.csv",
        *LARGE_TABLES,
    )
    coherences: tuple[float, ...] = (0.4, 1.5, 2.0, 3.0, 6.0)
    planted: tuple[float, ...] = (3.0, 6.0)
    trained: tuple[float, ...] = (0.4, 3.0, 6.0)
    items: Count = 400
    trained_items: Count = 120
    outside: Positive = 0.3
    rare: Positive = 0.005
    draws: Count = 12
    width: Count = 96
    records: Count = 24
    weakest: Positive = 0.15


class CategoryCoherence(Study):
    """Planted categories from incoherent to coherent, in noise and in real tables."""

    name: ClassVar[str] = "category-coherence"
    question: ClassVar[str] = (
        "How coherent must a category be to become a mode of its own, and does a network know "
        "nothing of the others?"
    )
    message: ClassVar[str] = (
        "Above coherence 1 the leading mode turns to the category as 1 - 1/C, in square and long "
        "tables and in real ones whose own structure is dealt out; rare features and base rates "
        "left in break the law. Below it the category has no mode, yet the network learns its "
        "features all the same, along with the noise."
    )
    source: ClassVar[tuple[str, ...]] = ("saxe2019", "benaychgeorges2012", "kemp2008")
    data: ClassVar[str] = "planted categories; tables of animals (real)"
    takes_data: ClassVar[bool] = True
    settings: ClassVar[type[Settings]] = CoherenceSettings

    def defaults(self, size: Size) -> Settings:
        """Return the settings of a size."""
        if size == "smoke":
            return CoherenceSettings()
        return CoherenceSettings(
            coherences=(0.2, 0.4, 0.7, 1.2, 1.5, 2.0, 3.0, 4.0, 6.0, 9.0),
            items=1000,
            trained_items=400,
            width=256,
            weakest=0.1,
            draws=6,
            seeds=16,
        )

    def arms(self, settings: Settings) -> tuple[tuple[Arm, ...], tuple[str, ...]]:
        """Return planted tables, square and long, controls, real tables, trained networks."""
        chosen = CoherenceSettings.of(settings)
        sets, skipped = item_sets(chosen)
        arms: list[Arm] = []
        if chosen.data is None:
            side = chosen.items
            shapes = {"square": (side, side), "long": (side // 2, 2 * side)}
            for shape, (items, features) in shapes.items():
                for value in chosen.coherences:
                    task = category(value, items, features, chosen.outside)
                    arms.append(
                        Arm(
                            f"{shape}, C = {value:g}",
                            CategoryDraws(task, chosen.seeds * chosen.draws),
                        )
                    )
            left = category(3.0, side, side, chosen.outside, base_rate=True)
            arms.append(
                Arm(
                    "control: base rate left in, C = 3",
                    CategoryDraws(left, chosen.seeds * chosen.draws),
                )
            )
            rare = category(3.0, side, side, chosen.rare, share=0.15)
            arms.append(
                Arm(
                    "control: rare features, C = 3",
                    CategoryDraws(rare, chosen.seeds * chosen.draws),
                )
            )
        for label, task in sets.items():
            if label == TREE:
                continue
            assert isinstance(task, ItemFeatures)
            for value in chosen.planted:
                run = TableDraws(task, value, True, chosen.seeds * chosen.draws)
                arms.append(Arm(f"{label}, dealt out, C = {value:g}", run))
            value = chosen.planted[0]
            run = TableDraws(task, value, False, chosen.seeds * chosen.draws)
            arms.append(Arm(f"control: {label} as it is, C = {value:g}", run))
        if chosen.data is None:
            arms += [_trained(chosen, value) for value in chosen.trained]
        return tuple(arms), skipped

    def judgements(self, settings: Settings, labels: tuple[str, ...]) -> tuple[Judgement, ...]:
        """Judge overlaps against the law, of tables and of networks, and what networks know."""
        found: list[Judgement] = []
        chosen = CoherenceSettings.of(settings)
        real = {arm.label for arm in self.arms(chosen)[0] if isinstance(arm.run, TableDraws)}
        for label in labels:
            role = role_of(label)
            if label.startswith("trained"):
                value = float(label.rsplit(" ", 1)[1])
                task = trained_task(chosen, value)
                found.append(
                    Judgement(label, "test", TRAINED, (label,), _trained_gap(label, value, task))
                )
                found.append(Judgement(label, "test", KNOWN, (label,), _unknown(label, task)))
            else:
                tolerance = ON_TABLES if label in real else OVERLAP
                found.append(Judgement(label, role, tolerance, (label,), _overlap_gap(label)))
        return tuple(found)

    def figure(self, result: StudyResult) -> Figure:
        """Draw overlaps against coherence, in noise and real tables, and networks that learn."""
        chosen, results = CoherenceSettings.of(result.settings), result.results
        figure = Figure(figsize=(12.0, 4.0))
        planted, tables, trained = figure.subplots(1, 3)
        groups = {
            "square": [k for k in results if k.startswith("square")],
            "long": [k for k in results if k.startswith("long")],
            "base rate left in": [k for k in results if "base rate" in k],
            "rare features": [k for k in results if "rare" in k],
        }
        draw_overlaps(planted, results, {k: v for k, v in groups.items() if v}, (1.0, 4.0))
        planted.set_title("planted in noise")
        names = [k.split(", dealt")[0] for k in results if ", dealt" in k]
        real = {
            name: [k for k in results if k.startswith(f"{name}, dealt")]
            for name in dict.fromkeys(names)
        }
        real |= {
            f"{name}, as it is": [k for k in results if k.startswith(f"control: {name} as")]
            for name in dict.fromkeys(names)
        }
        if real:
            draw_overlaps(tables, results, real, (1.0, 2.0))
        tables.set_title("planted in real tables")
        for index, value in enumerate(chosen.trained):
            label = trained_label(value)
            if label not in results:
                continue
            draw_trained(trained, results[label], trained_task(chosen, value), value, index)
        trained.set(xlabel="share of training", ylabel="overlap; knowledge (dashed)")
        trained.set_title("networks: own mode, and what they know")
        trained.legend(fontsize="x-small")
        headline(
            figure, "Categories above coherence 1 get a mode; those below are learned without one"
        )
        return figure


def trained_label(value: float) -> str:
    """Return the label of the network trained on a category of some coherence."""
    return f"trained, C = {value:g}"


def trained_task(settings: CoherenceSettings, value: float) -> PlantedCategory:
    """Return the one table that networks learn, with a category of some coherence."""
    return category(value, settings.trained_items, settings.trained_items, settings.outside)


def _trained(settings: CoherenceSettings, value: float) -> Arm:
    task = trained_task(settings, value)
    run = Run(
        item_experiment(settings, task),
        DeepLinearModes(),
        tuple(range(settings.seeds)),
        (train_prediction,),
    )
    return Arm(trained_label(value), run)


def _overlap_gap(label: str) -> Callable[[Results], Statistic]:
    def error(results: Results) -> Statistic:
        seen = np.asarray(results[label].observation[CATEGORY_OVERLAP.name].values)
        expected = float(results[label].prediction[CATEGORY_OVERLAP.name].values)
        return mean_apart(seen, expected)

    return error


def _trained_gap(label: str, value: float, task: PlantedCategory) -> Callable[[Results], Statistic]:
    expected = float(category_overlap(value))

    def error(results: Results) -> Statistic:
        seen = mode_overlaps(results[label], task)[:, -1]
        return mean_of(np.abs(seen - expected))

    return error


def _unknown(label: str, task: PlantedCategory) -> Callable[[Results], Statistic]:
    def error(results: Results) -> Statistic:
        seen = known_share(results[label], task)[:, -1]
        return mean_of(np.abs(seen - 1.0))

    return error
