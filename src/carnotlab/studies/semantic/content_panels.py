"""Panels of hidden similarities: matrices, their entries by layer, and what a large start does."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import SubFigure

from carnotlab.measures.representations import LAYER_SIMILARITY
from carnotlab.runs.run import RunResult
from carnotlab.studies.errors import predicted
from carnotlab.studies.semantic.layer_gaps import (
    last_similarity,
    layer_similarity_gap,
    mean_disagreement,
)
from carnotlab.studies.style import COLOURS, MARKERS, ink
from carnotlab.theories.semantic.layer_similarity import disagreement_at_random


def draw_matrices(figure: SubFigure, rows: Sequence[tuple[str, RunResult]]) -> None:
    """Draw theory and two networks for each run, layer by layer, each on its theory's scale."""
    panels: list[tuple[str, np.ndarray, float]] = []
    for label, run in rows:
        expected, seen = predicted(run, LAYER_SIMILARITY)[0, -1], last_similarity(run)
        for layer in range(len(expected)):
            name = f"layer {layer + 1}" if len(expected) > 1 else "hidden layer"
            top = float(np.abs(expected[layer]).max())
            panels.append((f"{label}\n{name}: theory", expected[layer], top))
            panels += [
                (
                    f"\nnetwork {k + 1}",
                    seen[k, layer],
                    max(top, float(np.abs(seen[k, layer]).max())),
                )
                for k in range(min(2, len(seen)))
            ]
    for index, (title, matrix, top) in enumerate(panels):
        axes = figure.add_subplot(1, len(panels), index + 1)
        axes.imshow(matrix, cmap="RdBu_r", vmin=-top, vmax=top)
        axes.set(xticks=[], yticks=[])
        axes.set_title(title, fontsize=7)


def draw_entries(axes: Axes, runs: Mapping[str, RunResult]) -> None:
    """Draw every entry of all similarity matrices, trained against predicted, by set and depth."""
    for index, (label, run) in enumerate(runs.items()):
        expected, seen = predicted(run, LAYER_SIMILARITY)[0, -1], last_similarity(run)
        size = np.abs(expected).max(axis=(1, 2), keepdims=True)
        axes.plot(
            np.broadcast_to(expected / size, seen.shape).ravel(),
            (seen / size).ravel(),
            # Shifted each time round, so that no pair of mark and colour comes twice.
            MARKERS[(index + index // len(COLOURS)) % len(MARKERS)],
            ms=2,
            mew=0,
            alpha=0.5,
            color=COLOURS[index % len(COLOURS)],
            label=label,
            rasterized=True,
        )
    axes.axline((0.0, 0.0), slope=1.0, color=ink(), lw=0.8)
    axes.set(xlabel="predicted similarity, over the largest", ylabel="trained")
    axes.set_title("every pair of items, layer and network")
    axes.legend(fontsize="x-small", markerscale=2.5)


def draw_scales(
    axes: Axes,
    runs: Sequence[tuple[float, RunResult]],
    wide: tuple[float, int, int, RunResult],
) -> None:
    """Draw distance from theory and between networks against the scale of the start."""
    scales = [scale for scale, _ in runs]
    members = [np.arange(run.observation.sizes["seed"]) for _, run in runs]
    from_theory = [
        layer_similarity_gap(run)(rows) for (_, run), rows in zip(runs, members, strict=True)
    ]
    apart = [mean_disagreement(run) for _, run in runs]
    axes.plot(scales, from_theory, "o-", color=COLOURS[0], ms=4, label="from theory")
    axes.plot(scales, apart, "s--", color=COLOURS[1], ms=4, label="between networks")
    lazy, width, wider, run = wide
    rows = np.arange(run.observation.sizes["seed"])
    items = run.observation.sizes["train_sample"]
    axes.plot(
        lazy, layer_similarity_gap(run)(rows), "o", color=COLOURS[0], mfc="none", ms=7,
        label=f"from theory, width {wider}",
    )  # fmt: skip
    axes.plot(
        lazy, mean_disagreement(run), "s", color=COLOURS[1], mfc="none", ms=7,
        label=f"between networks, width {wider}",
    )  # fmt: skip
    for units, dashes in ((width, "-"), (wider, ":")):
        axes.axhline(disagreement_at_random(items, units), color=ink(), lw=0.8, ls=dashes)
        axes.annotate(
            f"random, width {units}", (scales[0], disagreement_at_random(items, units)), (0, 2),
            textcoords="offset points", fontsize=7,
        )  # fmt: skip
    axes.axhline(0.01, color=ink(), lw=0.4, alpha=0.5)
    axes.set(xscale="log", yscale="log", xlabel="scale of the start", ylabel="relative distance")
    axes.legend(fontsize="x-small")
