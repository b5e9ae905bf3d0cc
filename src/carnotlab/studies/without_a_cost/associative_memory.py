"""How much can a network hold as attractors, under noise, and of what kind of patterns?"""

from typing import ClassVar

from matplotlib.figure import Figure
from rich.table import Table

from carnotlab.core.verdicts import Tolerance
from carnotlab.studies.judging import judge
from carnotlab.studies.study import (
    Arm,
    Count,
    Judgement,
    Positive,
    Settings,
    Size,
    Study,
    StudyResult,
)
from carnotlab.studies.style import headline
from carnotlab.studies.without_a_cost.memory_panels import (
    draw_digits,
    draw_energy,
    draw_loads,
    draw_noise,
    draw_separable,
)
from carnotlab.studies.without_a_cost.memory_runs import (
    BY_RULE,
    FIRST,
    NOISY,
    RECALLED,
    RISE,
    RULES,
    SEPARABLE,
    UPDATES,
    DigitRecallRun,
    EnergyRun,
    NoisyRecallRun,
    RecallRun,
    SeparableRun,
)
from carnotlab.studies.without_a_cost.simulation import apart, level, seen
from carnotlab.theories.associative_memory.retrieval import critical_load, first_overlap

RECALL, NOISE, ENERGIES = "recall without noise", "recall under noise", "energy"
DIGITS, PERCEPTRON = "digits as patterns", "perceptron"
SAFE = 0.9
"""Of the capacity: nearer to it the transition of a finite network is smeared out."""

OVERLAP = Tolerance(
    RECALLED, 0.01, "fluctuations of overlaps between networks of N units, 1/√N over √(100 starts)"
)
ONE_STEP = Tolerance(FIRST, 0.01, OVERLAP.why)
UNDER_NOISE = Tolerance(
    NOISY, 0.02, "fluctuations of 1/√N between networks, and of the average over late sweeps"
)
LOST = Tolerance(
    NOISY,
    0.1,
    "overlaps of 1/√N are left at once above the temperature of any order, 1 + √α",
)
DESCENDS = Tolerance(RISE, 1e-12, "single updates never raise the energy: rounding alone is left")
IMAGES = Tolerance(BY_RULE, 0.05, "64 units fluctuate by 1/√64 each, the mean over images less")
COUNTED = Tolerance(
    SEPARABLE, 0.1, "a share of 200 draws has a standard error of at most 0.035: nearly three"
)


class MemorySettings(Settings, frozen=True, kw_only=True):
    """Settings of `AssociativeMemory`; ``seeds`` are networks, or sets of draws.

    ``images`` of digits are stored in one network; networks with noise have ``noisy_units``, and at
    the last two of the ``temperatures`` no memory; at the last no order of any kind, 1 + √α.
    """

    seeds: Count = 8
    loads: tuple[Positive, ...] = (0.05, 0.1, 0.12, 0.13, 0.16, 0.2)
    units: Count = 1200
    load: Positive = 0.05
    temperatures: tuple[Positive, ...] = (0.1, 0.2, 0.3, 0.45, 0.8, 1.5)
    noisy_units: Count = 800
    images: Count = 6
    ratios: tuple[Positive, ...] = (1.0, 1.5, 2.0, 2.5, 3.0)


class AssociativeMemory(Study):
    """Hopfield networks against replica theory, and threshold units against Cover's count."""

    name: ClassVar[str] = "associative-memory"
    question: ClassVar[str] = (
        "How much can a network hold as attractors, under noise, and of what kind of patterns?"
    )
    message: ClassVar[str] = (
        "Random patterns are recalled as replica theory says, with and without noise, up to 0.138 "
        "a unit; beyond, theory says nothing is left, and networks stay at overlaps near 0.35. "
        "Images of digits, which are alike, are lost far below that by Hebb's rule and kept by "
        "projection. A threshold unit separates two patterns an input, by Cover's count."
    )
    source: ClassVar[tuple[str, ...]] = ("hopfield1982", "amit1987", "personnaz1985", "cover1965")
    data: ClassVar[str] = "random patterns; scikit-learn's digits"
    settings: ClassVar[type[Settings]] = MemorySettings

    def defaults(self, size: Size) -> Settings:
        """Return the settings of a size."""
        if size == "smoke":
            return MemorySettings()
        return MemorySettings(seeds=16, units=4000, noisy_units=3000)

    def arms(self, settings: Settings) -> tuple[tuple[Arm, ...], tuple[str, ...]]:
        """Return networks by load and noise, energies, digits, and separable patterns."""
        own = MemorySettings.of(settings)
        return (
            Arm(RECALL, RecallRun(own.loads, own.units, own.seeds)),
            Arm(NOISE, NoisyRecallRun(own.load, own.temperatures, own.noisy_units, own.seeds)),
            Arm(ENERGIES, EnergyRun(own.seeds)),
            Arm(DIGITS, DigitRecallRun(own.images, own.seeds)),
            Arm(PERCEPTRON, SeparableRun(own.ratios, own.seeds)),
        ), ()

    def judgements(self, settings: Settings, labels: tuple[str, ...]) -> tuple[Judgement, ...]:
        """Hold overlaps and shares against theory, energies against never rising."""
        del labels
        own = MemorySettings.of(settings)
        capacity = critical_load()
        below = [i for i, load in enumerate(own.loads) if load <= SAFE * capacity.load]
        beyond = max(range(len(own.loads)), key=own.loads.__getitem__)
        hebb, projection = RULES.index("Hebb"), RULES.index("projection")
        twice = own.ratios.index(2.0)
        return (
            judge(f"{RECALL}, below capacity", OVERLAP, RECALL, apart(RECALLED, part=below)),
            judge(f"{RECALL}, first update", ONE_STEP, RECALL, apart(FIRST)),
            judge(f"control: {RECALL}, beyond capacity as after one update", OVERLAP, RECALL,
                  apart(RECALLED, part=beyond, wanted=first_overlap(own.loads[beyond]))),
            judge(f"control: {RECALL}, nothing left beyond capacity", OVERLAP, RECALL,
                  apart(RECALLED, part=beyond)),
            judge(NOISE, UNDER_NOISE, NOISE, apart(NOISY, part=slice(0, -2))),
            judge(f"{NOISE}, lost", LOST, NOISE, apart(NOISY, part=-1)),
            judge(f"control: {NOISE}, noise ignored", UNDER_NOISE, NOISE,
                  apart(NOISY, part=-3, wanted=1.0)),
            *(
                judge(f"{'control: ' * (kind == UPDATES[1])}{ENERGIES}, {kind}", DESCENDS, ENERGIES,
                      level(RISE, index))
                for index, kind in enumerate(UPDATES)
            ),
            judge(f"control: {DIGITS}, Hebb", IMAGES, DIGITS, apart(BY_RULE, part=hebb)),
            judge(f"{DIGITS}, projection", IMAGES, DIGITS, apart(BY_RULE, part=projection)),
            judge(PERCEPTRON, COUNTED, PERCEPTRON, apart(SEPARABLE)),
            judge(f"control: {PERCEPTRON}, all labellings at twice the inputs", COUNTED, PERCEPTRON,
                  apart(SEPARABLE, part=twice, wanted=1.0)),
        )  # fmt: skip

    def tables(self, result: StudyResult) -> tuple[Table, ...]:
        """Return overlaps by load, seen and predicted."""
        run = result.results[RECALL]
        capacity = critical_load()
        title = f"capacity {capacity.load:.6f}, overlap there {capacity.overlap:.5f}"
        table = Table("patterns per unit", "overlap", "predicted", title=title)
        wanted = run.prediction[RECALLED.name].values
        for load, there, one in zip(
            run.observation["load"].values, seen(run, RECALLED).mean(axis=0), wanted, strict=True
        ):
            table.add_row(f"{load:g}", f"{there:.4f}", f"{one:.4f}")
        return (table,)

    def figure(self, result: StudyResult) -> Figure:
        """Draw overlaps by load and noise, energies, images recalled, and separable shares."""
        own = MemorySettings.of(result.settings)
        figure = Figure(figsize=(12.5, 7.2))
        grid = figure.add_gridspec(2, 6)
        places = [grid[0, :3], grid[0, 3:], grid[1, :2], grid[1, 2:4], grid[1, 4:]]
        loads, noise, energies, digits, counts = (figure.add_subplot(place) for place in places)
        runs = result.results
        draw_loads(loads, runs[RECALL])
        draw_noise(noise, runs[NOISE], own.load)
        draw_energy(energies, runs[ENERGIES])
        draw_digits(digits, runs[DIGITS], own.images)
        draw_separable(counts, runs[PERCEPTRON], SeparableRun((1.0,), 1).inputs)
        headline(figure, "Memory is recalled as replica theory says, up to 0.138 patterns a unit")
        return figure
