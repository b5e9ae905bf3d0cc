r"""Every layer of a deep linear network holds one similarity of items, to a power of its own.

After learning from a small start, with D weight layers,

.. math:: H_l H_l^\top = X V \left(\frac{S}{d}\right)^{2l/D} V^\top X^\top, \qquad l = 1 … D-1,

whatever the start was: :math:`\Sigma_{yx} = U S V^\top`, d the input power along V. Networks that
begin large keep their start in this matrix instead. Source: saxe2019.
"""

from dataclasses import dataclass, replace
from typing import ClassVar, Literal, TypeAlias

import numpy as np
import xarray as xr
from jaxtyping import Float

from carnotlab.core.assumptions import Assumption, Check
from carnotlab.core.errors import OutOfReachError, require
from carnotlab.core.quantities import Quantity
from carnotlab.experiment.experiment import Experiment
from carnotlab.measures.base import Measure
from carnotlab.measures.modes import MODE_STRENGTH
from carnotlab.measures.representations import LAYER_SIMILARITY, layer_similarity
from carnotlab.networks.finite import Weights
from carnotlab.networks.linear import refuse_nonlinear
from carnotlab.tasks.statistics import flattened, input_output_modes
from carnotlab.theories.base import Theory, TheoryAssumption
from carnotlab.theories.deep_linear.mode_dynamics import Values, strength_at
from carnotlab.theories.deep_linear.modes import DeepLinearModes, learned_strengths
from carnotlab.theories.regime import plain_learning_rate

When: TypeAlias = Literal["end", "always"]

TO_THE_END = "trained to the end"
MODES = {assumption.name: assumption for assumption in DeepLinearModes.assumptions}


@dataclass(frozen=True)
class LayerSimilarity(Theory):
    r"""The similarity of items in layer l is :math:`XV u^{2l/D} V^\top X^\top`, at any seed.

    At the ``"end"`` of learning u is S/d, whatever the start and for any depth; ``"always"`` it
    follows the course of the modes, from the weights at time zero (`DeepLinearModes`).

    Predicts ``layer_similarity`` ``[time, layer, n, n]``, with ``seed`` in front for ``"always"``
    from a random start. Source: saxe2019.

    >>> from carnotlab.experiment.training import Training
    >>> from carnotlab.networks.architectures import deep_linear
    >>> from carnotlab.tasks.linear_map import LinearMap
    >>> task = LinearMap(4, 3, strengths=(2.0, 1.0))
    >>> experiment = Experiment(task, deep_linear(4, (5, 5), 3), Training())
    >>> found = LayerSimilarity().predict(experiment)["layer_similarity"].isel(time=-1).values
    >>> np.linalg.eigvalsh(found / 4)[:, 2:].round(3)  # 1 and 2 to the powers 2/3 and 4/3
    array([[1.   , 1.587],
           [1.   , 2.52 ]])
    """

    when: When = "end"

    name: ClassVar[str] = "layer_similarity"
    claim: ClassVar[str] = "all layers of all networks come to hold powers of one similarity matrix"
    references: ClassVar[tuple[str, ...]] = ("saxe2019",)
    predicts: ClassVar[tuple[Quantity, ...]] = (LAYER_SIMILARITY,)

    def predict(self, experiment: Experiment, start: Weights | None = None) -> xr.Dataset:
        """Predict the similarity of training samples in every hidden layer at the record times.

        Raises:
            OutOfReachError: for a network without hidden layers, and as `DeepLinearModes`.
        """
        refuse_nonlinear(experiment.network)
        plain_learning_rate(experiment, self.name)
        depth = experiment.network.depth
        if depth < 2:
            raise OutOfReachError(
                "a network without hidden layers", "at least one", "add a Dense layer"
            )
        times = experiment.training.times
        if self.when == "end":
            strengths = np.broadcast_to(learned_strengths(experiment), (len(times), _k(experiment)))
            leading: tuple[str, ...] = ("time",)
        else:
            course = DeepLinearModes().predict(experiment, start)[MODE_STRENGTH.name]
            leading = ("seed", "time") if "seed" in course.dims else ("time",)
            strengths = np.asarray(course.transpose(*leading, "mode").values)
        values = similarity_from_modes(experiment, strengths)
        return LAYER_SIMILARITY.label(values, leading, {"time": times}).to_dataset()

    def measures(self, experiment: Experiment) -> tuple[Measure, ...]:
        """Return the measure of all hidden layers' similarities."""
        return (layer_similarity,)

    def check(self, experiment: Experiment, start: Weights) -> tuple[Check, ...]:
        """Measure every assumption; a prediction for all times needs no end of training."""
        found = super().check(experiment, start)
        return tuple(c for c in found if self.when == "end" or c.name != TO_THE_END)

    assumptions: ClassVar[tuple[TheoryAssumption, ...]] = (
        MODES["inputs share the modes"],
        # What is unbalanced stays so, and half of it ends up in the similarity.
        replace(MODES["balanced start"], limit=0.02),
        MODES["small steps"],
        Assumption(
            TO_THE_END,
            "similarity not yet learned at the end, by modes that start at the layers' own size",
            0.01,
            lambda experiment, start: _unlearned(experiment, start),
        ),
    )


def similarity_from_modes(
    experiment: Experiment, strengths: Float[np.ndarray, "*lead mode"]
) -> Float[np.ndarray, "*lead layer n n"]:
    """Return every hidden layer's similarity of training samples from the modes' strengths."""
    x, _ = flattened(experiment.task)
    along = x @ np.asarray(input_output_modes(experiment.task).right)
    depth = experiment.network.depth
    powers = 2.0 * np.arange(1, depth) / depth
    share = np.maximum(strengths, 0.0)[..., None, :] ** powers[:, None]
    return np.einsum("ia,...a,ja->...ij", along, share, along, optimize=True)


def disagreement(
    similarities: Float[np.ndarray, "seed *dims"],
) -> float:
    r"""Return how far the similarity matrices of several networks are from each other.

    The root mean square over pairs of :math:`\|K_a - K_b\|`, over the norm of the mean K. 0 where
    all networks agree. Small values say that representations are shared, not yet why: see
    `disagreement_at_random`.

    Raises:
        InputError: for fewer than two networks.

    >>> disagreement(np.array([[[1.0]], [[1.0]]])), disagreement(np.array([[[0.0]], [[2.0]]]))
    (0.0, 2.0)
    """
    count = len(similarities)
    require(count >= 2, f"{count} networks", "at least two to compare", "use more seeds")
    flat = np.asarray(similarities, dtype=np.float64).reshape(count, -1)
    mean = flat.mean(axis=0)
    # Mean square over ordered pairs of different members is twice the unbiased variance.
    spread = 2.0 * np.sum((flat - mean) ** 2) / (count - 1)
    return float(np.sqrt(spread) / np.linalg.norm(mean))


def disagreement_at_random(samples: int, width: int) -> float:
    r"""Return the `disagreement` of random first layers on orthogonal inputs of equal size.

    :math:`\sqrt{2(P+1)/n}` for P inputs and n Gaussian units. It falls with width, although
    nothing is learned: wide lazy networks agree on the similarity of their *inputs*.

    >>> disagreement_at_random(8, 64), round(disagreement_at_random(8, 4096), 3)
    (0.5303300858899106, 0.066)
    """
    return float(np.sqrt(2.0 * (samples + 1) / width))


def _k(experiment: Experiment) -> int:
    return len(input_output_modes(experiment.task).strengths)


def _unlearned(experiment: Experiment, start: Weights) -> float:
    depth = experiment.network.depth
    modes = input_output_modes(experiment.task)
    final = learned_strengths(experiment)
    rate = plain_learning_rate(experiment, LayerSimilarity.name)
    sizes = [np.asarray(layer["weight"], dtype=np.float64) for layer in start]
    # A Gaussian layer passes a signal on at its norm over the root of its inputs.
    gains = [np.linalg.norm(w, axis=(1, 2)).max() / np.sqrt(w.shape[2]) for w in sizes]
    begin = np.minimum(float(np.prod(gains)), 0.5 * final)
    end: Values = experiment.training.flow_times[-1:]
    reached = strength_at(
        end, depth, np.asarray(modes.strengths), begin, np.asarray(modes.strengths) / final, rate
    )[0]
    first = final ** (2.0 / depth)
    return float(np.linalg.norm(first - reached ** (2.0 / depth)) / np.linalg.norm(first))
