"""Why can topics be learned fast, when learning them is hard in the worst case?"""

from typing import ClassVar

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from carnotlab.core.verdicts import Tolerance
from carnotlab.runs.run import RunResult
from carnotlab.studies.judging import judge
from carnotlab.studies.study import Arm, Count, Judgement, Settings, Size, Study, StudyResult
from carnotlab.studies.style import LINES, draw_experiment, headline, ink
from carnotlab.studies.without_a_cost.simulation import apart, level, seen
from carnotlab.studies.without_a_cost.topic_runs import (
    BY_ANCHOR,
    CASES,
    DEGREE,
    ERROR,
    ESTIMATES,
    EXACT,
    SAME,
    SECONDS,
    SLOPE,
    TOPICS_APART,
    CostRun,
    DocumentsRun,
    ExactRun,
)

DOCUMENTS, PAIRS, COST = "documents", "exact pairs", "cost"

RECOVERED = Tolerance(EXACT, 1e-8, "exact: rounding, times the conditioning of ten corners")
RATE = Tolerance(
    SLOPE, 0.15, "the central limit's -1/2; few documents lie above it, for corners are mistaken"
)
IDENTICAL = Tolerance(SAME, 1e-12, "the same documents by construction: rounding")
DETERMINED = Tolerance(TOPICS_APART, 1e-8, RECOVERED.why)
POLYNOMIAL = Tolerance(DEGREE, 3.0, "squares of the vocabulary, and once the number of words")


class TopicSettings(Settings, frozen=True, kw_only=True):
    """Settings of `LearnableBecauseStructured`; ``seeds`` are random topics."""

    seeds: Count = 4
    documents: tuple[Count, ...] = (1000, 4000, 16_000)
    vocabularies: tuple[Count, ...] = (200, 400, 800)


class LearnableBecauseStructured(Study):
    """Topics with anchor words, recovered from pairs of words; and without, where none can be."""

    name: ClassVar[str] = "learnable-because-structured"
    question: ClassVar[str] = (
        "Why can topics be learned fast, when learning them is hard in the worst case?"
    )
    message: ClassVar[str] = (
        "Where each topic has a word of its own, pairs of words determine the topics, polynomial "
        "time recovers them, exactly from exact pairs and as D^-1/2 from D documents. Where every "
        "word belongs to every topic, different topics make the very same documents: no method can "
        "tell."
    )
    source: ClassVar[tuple[str, ...]] = ("arora2012", "arora2013")
    data: ClassVar[str] = "synthetic documents"
    settings: ClassVar[type[Settings]] = TopicSettings

    def defaults(self, size: Size) -> Settings:
        """Return the settings of a size."""
        if size == "smoke":
            return TopicSettings()
        return TopicSettings(
            seeds=12, documents=(1000, 4000, 16_000, 64_000), vocabularies=(200, 400, 800, 1600)
        )

    def arms(self, settings: Settings) -> tuple[tuple[Arm, ...], tuple[str, ...]]:
        """Return topics from documents, from exact pairs, and the time it takes."""
        own = TopicSettings.of(settings)
        return (
            Arm(DOCUMENTS, DocumentsRun(own.documents, own.seeds)),
            Arm(PAIRS, ExactRun(own.seeds)),
            Arm(COST, CostRun(own.seeds, own.vocabularies)),
        ), ()

    def judgements(self, settings: Settings, labels: tuple[str, ...]) -> tuple[Judgement, ...]:
        """Hold errors, rates and costs against theory, and what no method can tell apart."""
        del settings, labels
        return (
            *(
                judge(f"{'control: ' * (index > 0)}{PAIRS}, {case}", RECOVERED, PAIRS,
                      level(EXACT, index))
                for index, case in enumerate(CASES)
            ),
            judge(f"{DOCUMENTS}, rate", RATE, DOCUMENTS, apart(SLOPE, part=0)),
            judge(f"control: {DOCUMENTS}, rate with the diagonal forgotten", RATE, DOCUMENTS,
                  apart(SLOPE, part=1)),
            judge(f"{PAIRS}, two models of the same documents", IDENTICAL, PAIRS, level(SAME)),
            judge(f"control: {PAIRS}, documents determine topics", DETERMINED, PAIRS,
                  level(TOPICS_APART)),
            judge(f"{COST}, polynomial", POLYNOMIAL, COST, level(DEGREE)),
        )  # fmt: skip

    def figure(self, result: StudyResult) -> Figure:
        """Draw errors over documents, by anchors' probability, and the cost."""
        figure = Figure(figsize=(12.5, 4.2))
        axes = figure.subplots(1, 3)
        runs = result.results
        _draw_documents(axes[0], runs[DOCUMENTS], runs[PAIRS])
        _draw_anchors(axes[1], runs[PAIRS])
        _draw_cost(axes[2], runs[COST])
        headline(figure, "Topics are learnable because they have structure: anchor words")
        return figure


def _draw_documents(axes: Axes, run: RunResult, exact: RunResult) -> None:
    documents = np.asarray(run.observation["documents"].values, dtype=np.float64)
    for index, estimate in enumerate(ESTIMATES):
        draw_experiment(axes, documents, seen(run, ERROR)[:, index], index, estimate)
    first = seen(run, ERROR)[:, 0].mean(axis=0)
    middle = len(documents) // 2
    axes.plot(documents, first[middle] * np.sqrt(documents[middle] / documents), color=ink(),
              lw=1.1, label="slope -1/2")  # fmt: skip
    limits = seen(exact, EXACT).mean(axis=0)
    for index, case in (
        (1, "diagonal forgotten, endless documents"),
        (2, "no anchors, exact pairs"),
    ):
        axes.axhline(limits[index], color=ink(), lw=0.8, ls=LINES[index + 1], label=case)
    axes.set(title="topics from documents", xlabel="documents", xscale="log", yscale="log",
             ylabel="summed error of a topic")  # fmt: skip
    axes.legend(fontsize="x-small", loc="lower left")


def _draw_anchors(axes: Axes, run: RunResult) -> None:
    anchors = np.asarray(run.observation["anchor"].values)
    draw_experiment(axes, anchors, seen(run, BY_ANCHOR), 2, "4000 documents")
    axes.axhline(seen(run, TOPICS_APART).mean(), color=ink(), lw=0.8, ls=":",
                 label="two models of the same documents, no anchors")  # fmt: skip
    axes.set(title="the rarer the anchors, the harder", xlabel="probability of an anchor word",
             ylabel="summed error of a topic", xscale="log", yscale="log")  # fmt: skip
    axes.legend(fontsize="x-small")


def _draw_cost(axes: Axes, run: RunResult) -> None:
    words = np.asarray(run.observation["vocabulary"].values, dtype=np.float64)
    degree = float(seen(run, DEGREE).mean())
    draw_experiment(axes, words, seen(run, SECONDS), 3, f"recovery, degree {degree:.1f}")
    axes.set(title="time", xlabel="words", ylabel="seconds", xscale="log", yscale="log")
    axes.legend(fontsize="x-small")
