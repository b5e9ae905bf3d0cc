"""Claims of the catalogue run again over data sets, noise and sizes: how far do they carry?"""

from typing import ClassVar

import numpy as np
from matplotlib.figure import Figure
from rich.table import Table

from carnotlab.core.quantities import Quantity
from carnotlab.core.verdicts import Tolerance
from carnotlab.studies.data_folder import find_data, find_tables, not_found
from carnotlab.studies.double_descent.double_descent_in_samples import DoubleDescentInSamples
from carnotlab.studies.errors import mean_of
from carnotlab.studies.regression.optimal_regularization import OptimalRegularization
from carnotlab.studies.robustness.replication import Condition, conditions_of, wilson
from carnotlab.studies.robustness.takeaway_run import (
    BROKEN,
    UNDECIDED,
    TakeawayRun,
    table_files,
)
from carnotlab.studies.robustness.tuned_ridge import SETS, TunedRidge
from carnotlab.studies.semantic.category_coherence import CategoryCoherence
from carnotlab.studies.semantic.item_sets import LARGE_TABLES, TABLES
from carnotlab.studies.study import (
    Arm,
    Count,
    Judgement,
    Positive,
    Settings,
    Size,
    Study,
    StudyResult,
    role_of,
)
from carnotlab.studies.style import COLOURS, MARKERS, headline, ink

SHARE = Tolerance(
    Quantity("conditions_broken", (), "fraction", "share of the conditions where a verdict is off"),
    0.25,
    "a claim that fails in more than a quarter of what it is said to cover is one about "
    "something else; a single condition among the few there are may still fail by chance",
)
RIDGE = "optimal-regularization, over noise"
DESCENT = "double-descent-in-samples, over label noise"
COHERENCE = "category-coherence, over tables"
TUNED = "control: a penalty tuned on digits, over tables"


class TakeawaySettings(Settings, frozen=True, kw_only=True):
    """Settings of `RobustTakeaway`: over what each claim is run; ``seeds`` are those of each run.

    ``images`` are sets for random features, ``tables`` those of items in the data folder beside
    three that come with scikit-learn, ``inputs`` the sizes of ridge regression.
    """

    seeds: Count = 3
    noise: tuple[Positive, ...] = (0.25, 0.5, 1.0)
    inputs: tuple[Count, ...] = (80,)
    label_noise: tuple[Positive, ...] = (0.1, 0.4)
    images: tuple[str, ...] = ("digits",)
    features: Count = 300
    samples: tuple[Count, ...] = (75, 150, 300, 950)
    tables: tuple[str, ...] = ()
    tuned: tuple[str, ...] = SETS


class RobustTakeaway(Study):
    """Three claims of other studies, and one tuned to its data, each under many conditions."""

    name: ClassVar[str] = "robust-takeaway"
    question: ClassVar[str] = (
        "How far do claims carry when they are run again over data sets, noise and sizes?"
    )
    message: ClassVar[str] = (
        "The best ridge, double descent of random features and the law of coherent categories "
        "carry over what they were not tuned on; a penalty that was tuned on one data set does "
        "not leave it. Any claim can be put to this test: carnot replicate."
    )
    source: ClassVar[tuple[str, ...]] = ("dobriban2018", "mei2022", "saxe2019")
    data: ClassVar[str] = "sets of scikit-learn (real); at full size also those in the data folder"
    settings: ClassVar[type[Settings]] = TakeawaySettings

    def defaults(self, size: Size) -> Settings:
        """Return the settings of a size."""
        if size == "smoke":
            return TakeawaySettings()
        return TakeawaySettings(
            seeds=6,
            noise=(0.1, 0.25, 0.5, 1.0),
            inputs=(100, 200, 400),
            label_noise=(0.1, 0.2, 0.4),
            images=("digits", "mnist_20k_5k", "fashion_mnist_20k_5k"),
            tables=(*TABLES, *LARGE_TABLES),
        )

    def arms(self, settings: Settings) -> tuple[tuple[Arm, ...], tuple[str, ...]]:
        """Return one arm for each claim."""
        own = TakeawaySettings.of(settings)
        ridge = conditions_of(
            OptimalRegularization(),
            seeds=(2 * own.seeds,),
            settings={
                "inputs": own.inputs,
                "noise": own.noise,
                "ratios": ((2.0,),),
                "images": ((),),
                "ridges": (41,),
            },
        )
        there = [name for name in own.images if name == "digits" or find_data(f"{name}.npz")]
        skipped = [not_found(f"{x}.npz", "such a file") for x in own.images if x not in there]
        descent = conditions_of(
            DoubleDescentInSamples(),
            seeds=(own.seeds,),
            settings={
                "images": [(name,) for name in there],
                "label_noise": own.label_noise,
                "features": (own.features,),
                "feature_samples": (own.samples,),
            },
        )
        tables, missing = find_tables(own.tables)
        coherence = conditions_of(
            CategoryCoherence(),
            seeds=(max(own.seeds, 2),),
            data=(*table_files(), *tables),
        )
        tuned = conditions_of(TunedRidge(), seeds=(2 * own.seeds,), settings={"table": own.tuned})

        def arm(label: str, study: Study, conditions: tuple[Condition, ...]) -> Arm:
            return Arm(label, TakeawayRun(study, "smoke", conditions))

        arms = (
            arm(RIDGE, OptimalRegularization(), ridge),
            arm(DESCENT, DoubleDescentInSamples(), descent),
            arm(COHERENCE, CategoryCoherence(), coherence),
            arm(TUNED, TunedRidge(), tuned),
        )
        return arms, (*skipped, *missing)

    def judgements(self, settings: Settings, labels: tuple[str, ...]) -> tuple[Judgement, ...]:
        """Judge the share of conditions under which a claim breaks."""
        del settings
        return tuple(
            Judgement(
                label,
                role_of(label),
                SHARE,
                (label,),
                lambda results, label=label: mean_of(
                    results[label].observation[BROKEN.name].values
                ),
            )
            for label in labels
        )

    def tables(self, result: StudyResult) -> tuple[Table, ...]:
        """Return, per claim, over how many conditions it carries and where it breaks."""
        table = Table("claim", "carries", "interval", "breaks on", "undecided on")
        for label, run in result.results.items():
            seen = run.observation
            broken, undecided = (seen[name].values > 0 for name in (BROKEN.name, UNDECIDED.name))
            names = seen["condition"].values
            held, total = int(np.sum(~broken)), len(broken)
            low, high = wilson(held, total)
            table.add_row(
                label,
                f"{held} of {total}",
                f"{low:.2f} to {high:.2f}",
                "; ".join(map(str, names[broken & ~undecided])) or "–",
                "; ".join(map(str, names[undecided])) or "–",
            )
        return (table,)

    def figure(self, result: StudyResult) -> Figure:
        """Draw the share of conditions that each claim carries over, and every condition."""
        figure = Figure(figsize=(9.0, 1.0 + 0.75 * len(result.results)))
        axes = figure.add_subplot()
        for row, (label, run) in enumerate(result.results.items()):
            broken = run.observation[BROKEN.name].values > 0
            held, total = int(np.sum(~broken)), len(broken)
            low, high = wilson(held, total)
            colour = COLOURS[1 if label.startswith("control") else 0]
            axes.plot([low, high], [row, row], color=colour, lw=2.0)
            marker = MARKERS[1 if label.startswith("control") else 0]
            axes.plot(held / total, row, color=colour, marker=marker, ms=7)
            where = [str(x) for x in run.observation["condition"].values[broken]]
            words = f"{held} of {total}" + (f"; breaks on {', '.join(where)}" if where else "")
            axes.annotate(words, (0.0, row - 0.27), fontsize="x-small")
        axes.axvline(1.0 - SHARE.error, color=ink(), lw=0.8, ls="--")
        labels = [label.replace(", over", ",\nover") for label in result.results]
        axes.set_yticks(range(len(labels)), labels)
        axes.set(
            xlabel="share of conditions with every verdict as expected",
            xlim=(-0.02, 1.02),
            ylim=(len(labels) - 0.6, -0.6),
        )
        headline(figure, "How far claims carry; bars: 95 % were conditions drawn at random")
        return figure
