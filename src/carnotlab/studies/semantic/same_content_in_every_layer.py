"""Do all layers of all networks come to hold the same similarity of items, and what if not?"""

from typing import Any, ClassVar

import numpy as np
from matplotlib.figure import Figure

from carnotlab.core.quantities import Quantity
from carnotlab.core.verdicts import Tolerance
from carnotlab.measures.representations import LAYER_SIMILARITY
from carnotlab.runs.run import Run
from carnotlab.studies.semantic.content_panels import draw_entries, draw_matrices, draw_scales
from carnotlab.studies.semantic.item_sets import (
    LARGE_TABLES,
    TABLES,
    ItemSettings,
    item_experiment,
    item_sets,
    learning_time,
)
from carnotlab.studies.semantic.layer_gaps import (
    layer_similarity_gap,
    random_disagreement_gap,
    seed_disagreement,
)
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
from carnotlab.studies.style import headline
from carnotlab.tasks.base import Task
from carnotlab.tasks.statistics import input_output_modes
from carnotlab.theories.semantic.layer_similarity import LayerSimilarity

POWERS = Tolerance(
    LAYER_SIMILARITY,
    0.01,
    "what is unbalanced at the start stays, and half of it shows: about scale^2 width / items over "
    "the strengths learned, 0.01 at scale 0.1 on the tree and less at the smaller start elsewhere",
)
SEEDS = Tolerance(
    Quantity("seed_disagreement", (), "1", "distance of similarity matrices across seeds"),
    0.02,
    "twice the distance of each network from the one matrix that theory gives",
)
RANDOM = Tolerance(
    Quantity(
        "random_disagreement", (), "1", "distance across seeds over that of random layers, minus 1"
    ),
    0.25,
    "eight networks of eight items give some 250 independent differences, whose spread is known "
    "to 5 %, and resampling doubles that; the rest is for what the wide layer learns, a tenth of "
    "its size or less",
)


class ContentSettings(ItemSettings, frozen=True, kw_only=True):
    """Settings of `SameContentInEveryLayer`; ``scales`` of the start are tried on the tree.

    Those of at most ``rich`` are expected to agree with theory. ``wide`` is the width of a network
    that is lazy at a start of ``lazy``, beside one of the common width.
    """

    features: Count = 300
    start: Positive = 0.035
    step: Positive = 0.19
    weakest: Positive = 0.03
    depths: tuple[Count, ...] = (2, 3)
    scales: tuple[float, ...] = (0.01, 0.1, 1.0, 4.0)
    rich: float = 0.1
    wide: Count = 1024
    lazy: float = 4.0


class SameContentInEveryLayer(Study):
    """One similarity matrix in every layer of every network, unless the start was large."""

    name: ClassVar[str] = "same-content-in-every-layer"
    question: ClassVar[str] = (
        "Do different networks, and different layers of each, come to hold one similarity of "
        "items, and does agreement between networks measure how rich learning was?"
    )
    message: ClassVar[str] = (
        "From small starts every layer holds a power of one matrix, whatever the seed. From large "
        "ones each network keeps its own. But wide lazy networks agree with each other too, on the "
        "similarity of the inputs: agreement alone does not show that features were learned."
    )
    source: ClassVar[tuple[str, ...]] = ("saxe2019", "chizat2019")
    data: ClassVar[str] = "tree model; tables of animals and plants (real)"
    takes_data: ClassVar[bool] = True
    settings: ClassVar[type[Settings]] = ContentSettings

    def defaults(self, size: Size) -> Settings:
        """Return the settings of a size."""
        if size == "smoke":
            return ContentSettings(tables=TABLES[:2])
        return ContentSettings(
            seeds=8,
            features=500,
            weakest=0.003,
            depths=(2, 3, 4),
            scales=(1e-3, 0.01, 0.03, 0.1, 0.3, 1.0, 2.0, 4.0),
            tables=(*TABLES, *LARGE_TABLES),
        )

    def arms(self, settings: Settings) -> tuple[tuple[Arm, ...], tuple[str, ...]]:
        """Return each set at some depths, and the tree (or the user's table) at other starts."""
        chosen = ContentSettings.of(settings)
        sets, skipped = item_sets(chosen)
        first = next(iter(sets))
        arms: list[Arm] = []
        for label, task in sets.items():
            # Depth costs steps: networks of four layers need some hundred times those of two.
            # Small tables do without the deepest, large ones without all but the shallowest.
            depths = chosen.depths if label == first else chosen.depths[:2]
            depths = depths if task.input_size <= 24 else depths[:1]
            arms += [_arm(chosen, f"{label}, depth {depth}", task, depth) for depth in depths]
        for scale in chosen.scales:
            label = scale_label(chosen, first, scale)
            arms.append(_arm(chosen, label, sets[first], 2, start=scale))
        arms.append(
            _arm(
                chosen,
                wide_label(first),
                sets[first],
                2,
                start=chosen.lazy,
                width=chosen.wide,
            )
        )
        return tuple(arms), skipped

    def judgements(self, settings: Settings, labels: tuple[str, ...]) -> tuple[Judgement, ...]:
        """Judge every network against theory, and against the other networks."""
        chosen = ContentSettings.of(settings)
        first = next(iter(item_sets(chosen)[0]))
        found: list[Judgement] = []
        for label in labels:
            role = role_of(label)
            found.append(
                Judgement(
                    label,
                    role,
                    POWERS,
                    (label,),
                    lambda results, label=label: layer_similarity_gap(results[label]),
                )
            )
            if label != wide_label(first):
                found.append(
                    Judgement(
                        label,
                        role,
                        SEEDS,
                        (label,),
                        lambda results, label=label: seed_disagreement(results[label]),
                    )
                )
        found.append(
            Judgement(
                f"wide and lazy: {first}",
                "test",
                RANDOM,
                (wide_label(first),),
                lambda results: random_disagreement_gap(results[wide_label(first)], chosen.wide),
            )
        )
        return tuple(found)

    def figure(self, result: StudyResult) -> Figure:
        """Draw the matrices of two networks, all entries by layer, and errors against the scale."""
        chosen = ContentSettings.of(result.settings)
        sets = list(item_sets(chosen)[0])
        first = sets[0]
        shown = sets[1] if len(sets) > 1 else first
        deep = max(d for d in chosen.depths if f"{shown}, depth {d}" in result.results)
        figure = Figure(figsize=(12.0, 5.6))
        parts: Any = figure.subfigures(2, 1, height_ratios=(1.0, 1.7))
        top, bottom = parts
        large = scale_label(chosen, first, max(chosen.scales))
        draw_matrices(
            top,
            (
                (f"{shown}, small start", result.results[f"{shown}, depth {deep}"]),
                (f"{first}, start {max(chosen.scales):g} (control)", result.results[large]),
            ),
        )
        entries, scales = bottom.add_subplot(1, 2, 1), bottom.add_subplot(1, 2, 2)
        draw_entries(
            entries,
            {
                label: run
                for label, run in result.results.items()
                if not label.startswith("control") and "depth" in label
            },
        )
        draw_scales(
            scales,
            [(scale, result.results[scale_label(chosen, first, scale)]) for scale in chosen.scales],
            (chosen.lazy, chosen.width, chosen.wide, result.results[wide_label(first)]),
        )
        scales.set_title(f"{first}: size of the start")
        headline(figure, "One similarity in every layer of every network, from small starts only")
        return figure


def scale_label(settings: ContentSettings, first: str, scale: float) -> str:
    """Return the label of the arm with a start of some scale."""
    prefix = "" if scale <= settings.rich else "control: "
    return f"{prefix}{first}, start {scale:g}"


def wide_label(first: str) -> str:
    """Return the label of the wide and lazy arm."""
    return f"control: {first}, wide and lazy"


def _arm(
    settings: ContentSettings,
    label: str,
    task: Task,
    depth: int,
    *,
    start: float | None = None,
    width: int | None = None,
) -> Arm:
    time = 1.5 * learning_time(settings, np.asarray(input_output_modes(task).strengths), depth)
    if start is not None and start > settings.rich:
        # A large start learns by its kernel, of at least this size.
        kernel = start**2 * (settings.width if width is None else width) / task.input_size
        time = min(time, 6.0 / kernel)
    experiment = item_experiment(
        settings, task, depth, start=start, width=width, duration=time, last_only=True
    )
    # The spread across networks is itself what is judged of the wide ones.
    seeds = settings.seeds if width is None else 2 * settings.seeds
    return Arm(label, Run(experiment, LayerSimilarity(), tuple(range(seeds))))
