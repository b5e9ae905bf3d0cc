r"""How far a new fact about one item is carried over to others: by the similarity of hidden layers.

A new property taught of item i, by training the new output's weights alone, is believed of item j
to the degree :math:`\hat y_j = h_i \cdot h_j / |h_i|^2`; a new item taught to have feature f is
believed to have feature g to the degree :math:`w_f \cdot w_g / |w_f|^2`. Hidden similarities follow
from the modes, so the projection at every stage of development does too. Source: saxe2019.
"""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import xarray as xr
from jaxtyping import Float

from carnotlab.core.errors import require, require_not_negative, require_positive
from carnotlab.core.quantities import Quantity
from carnotlab.experiment.experiment import Experiment
from carnotlab.measures.base import Measure
from carnotlab.measures.representations import (
    LAYER_SIMILARITY,
    PROPERTY_PROJECTION,
    property_projection,
)
from carnotlab.networks.finite import Weights
from carnotlab.theories.base import Theory, TheoryAssumption
from carnotlab.theories.deep_linear.modes import DeepLinearModes
from carnotlab.theories.semantic.layer_similarity import LayerSimilarity


@dataclass(frozen=True)
class InductiveProjection(Theory):
    r"""A new property spreads as :math:`h_i\cdot h_j/|h_i|^2`, at every stage of development.

    With :math:`h_i \cdot h_j` of the last hidden layer from the course of the modes
    (`LayerSimilarity`). Early on one family is all there is and a property of one item goes to
    all; later only to its kin. Not symmetric: from items of small norm to those of large it goes
    further than back.

    Predicts ``property_projection`` ``[time, taught, n]``, with ``seed`` in front from a random
    start. Source: saxe2019.

    >>> from carnotlab.experiment.rules import GradientDescent
    >>> from carnotlab.experiment.training import Training
    >>> from carnotlab.networks.architectures import deep_linear
    >>> from carnotlab.networks.initialisation import Aligned
    >>> from carnotlab.tasks.feature_hierarchy import FeatureHierarchy
    >>> task = FeatureHierarchy((2, 2), 0.1, 400, whiten=True)
    >>> network = deep_linear(4, (8,), 400, initialisation=Aligned(0.001))
    >>> experiment = Experiment(task, network, Training(GradientDescent(0.003), 400))
    >>> found = InductiveProjection().predict(experiment)["property_projection"]
    >>> found.isel(time=-1, train_sample=0).values.round(1)  # itself, its sister, the cousins
    array([1. , 0.4, 0.2, 0.2])
    """

    name: ClassVar[str] = "inductive_projection"
    claim: ClassVar[str] = "a new property spreads to other items by their hidden similarity"
    references: ClassVar[tuple[str, ...]] = ("saxe2019",)
    predicts: ClassVar[tuple[Quantity, ...]] = (PROPERTY_PROJECTION,)

    def predict(self, experiment: Experiment, start: Weights | None = None) -> xr.Dataset:
        """Predict the new output on every item after each was taught, at the record times.

        Raises:
            OutOfReachError: as `LayerSimilarity`.
        """
        near = LayerSimilarity("always").predict(experiment, start)[LAYER_SIMILARITY.name]
        values = projection(np.asarray(near.isel(layer=-1).values))
        leading = ("seed", "time") if "seed" in near.dims else ("time",)
        times = {"time": experiment.training.times}
        return PROPERTY_PROJECTION.label(values, leading, times).to_dataset()

    def measures(self, experiment: Experiment) -> tuple[Measure, ...]:
        """Return the measure that teaches each item a new property by gradient descent."""
        return (property_projection,)

    assumptions: ClassVar[tuple[TheoryAssumption, ...]] = DeepLinearModes.assumptions


def projection(similarity: Float[np.ndarray, "*lead n n"]) -> Float[np.ndarray, "*lead taught n"]:
    r"""Return :math:`K_{ij}/K_{ii}`: what is believed of j after i was taught.

    For properties K is the similarity of items in the last hidden layer; for new items that of
    features, :math:`W_D W_D^\top`.

    Raises:
        InputError: if an item has no similarity with itself.

    >>> projection(np.array([[4.0, 2.0], [2.0, 2.0]]))
    array([[1. , 0.5],
           [1. , 1. ]])
    """
    own = np.einsum("...ii->...i", similarity)
    require(
        bool(np.all(own > 0.0)),
        "an item without hidden activity",
        "a norm above zero for every item",
        "look at it later in training, or drop the item",
    )
    return similarity / own[..., :, None]


def damping_if_plastic(
    norm: Float[np.ndarray, "..."] | float, input_power: float
) -> Float[np.ndarray, "..."]:
    r"""Return the factor on the projection if the item's own representation may move as well.

    With orthogonal inputs of squared size ``input_power`` :math:`|x|^2` only the taught item's
    representation moves, along itself, from length ``norm`` :math:`b` to :math:`B`:
    :math:`B^2 = (b^2 + \sqrt{b^4 + 4|x|^2})/2`, for a single hidden layer and a new output that
    starts at zero. Other items are believed to have the property :math:`b/B` times as much: the
    pattern stays, its size does not, and the less the fewer features were learned before.

    >>> damping_if_plastic(np.array([0.0, 1.0, 100.0]), 1.0).round(3)
    array([0.   , 0.786, 1.   ])
    """
    require_positive("input_power", input_power)
    b = np.asarray(norm, dtype=np.float64)
    require_not_negative("norm", float(b.min()))
    end = np.sqrt(0.5 * (b**2 + np.sqrt(b**4 + 4.0 * input_power)))
    return b / end
