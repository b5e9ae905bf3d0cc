"""What is read of deep linear networks that may have the wrong sign: steps, signs and means."""

import numpy as np
from jaxtyping import Bool, Float

from carnotlab.measures.losses import TRAIN_LOSS
from carnotlab.runs.run import RunResult
from carnotlab.studies.deep_linear.determinant_run import DETERMINANT
from carnotlab.studies.errors import observed
from carnotlab.studies.infinite_width.orthogonal_gaps import learning_time
from carnotlab.studies.study import Rows, Statistic


def steps_to_learn(result: RunResult) -> Float[np.ndarray, " seed"]:
    """Return the step at which each member's loss is half of what no map at all would have."""
    time = np.asarray(result.observation["time"].values, dtype=np.float64)
    nothing = float(result.prediction["loss_of_nothing"].values)
    losses = observed(result, TRAIN_LOSS)
    return np.array([learning_time(time, 1.0 - own / nothing) for own in losses])


def wrong_sign(result: RunResult) -> Bool[np.ndarray, " seed"]:
    """Return which members' products start with another sign of the determinant than the task."""
    signs = observed(result, DETERMINANT)[:, 0]
    return np.sign(signs) != float(result.prediction["determinant_of_task"].values)


def mean_where(
    values: Float[np.ndarray, " seeds"], chosen: Bool[np.ndarray, " seeds"]
) -> Statistic:
    """Return the statistic that is the mean over those members that are ``chosen``."""

    def mean(rows: Rows) -> float:
        kept = rows[chosen[rows]]
        # A resample without any such network says as much as all of them do.
        return float(np.mean(values[kept] if len(kept) else values[chosen]))

    return mean
