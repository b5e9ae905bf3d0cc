"""What networks know of a planted category: through its mode, and in all they say."""

import numpy as np
from jaxtyping import Float

from carnotlab.measures.losses import TRAIN_PREDICTION
from carnotlab.runs.run import RunResult
from carnotlab.studies.errors import observed
from carnotlab.studies.semantic.category_draws import leading_overlap
from carnotlab.tasks.planted_category import PlantedCategory


def mode_overlaps(result: RunResult, task: PlantedCategory) -> Float[np.ndarray, "seed time"]:
    """Return the overlap of what networks say with the category, through its leading mode."""
    outputs = observed(result, TRAIN_PREDICTION)
    return np.array(
        [
            [leading_overlap(now, task.item_direction, task.feature_direction) for now in member]
            for member in outputs
        ]
    )


def known_share(result: RunResult, task: PlantedCategory) -> Float[np.ndarray, "seed time"]:
    """Return the output along the category over the targets along it: 1 where all is known."""
    item, feature = task.item_direction, task.feature_direction
    outputs = np.einsum("i,stif,f->st", item, observed(result, TRAIN_PREDICTION), feature)
    return outputs / (item @ np.asarray(task.data().train.y) @ feature)
