"""Networks on images with some wrong labels: one pass, replay stopped in time, too much replay."""

import time
from dataclasses import dataclass

import numpy as np
import xarray as xr
from jaxtyping import Float

from carnotlab.core.assumptions import Check
from carnotlab.core.data import Batch, Data
from carnotlab.core.quantities import Quantity
from carnotlab.estimators.linear_baseline import KINDS, baseline_errors
from carnotlab.experiment.batching import Minibatch
from carnotlab.experiment.experiment import Experiment
from carnotlab.experiment.rules import GradientDescent
from carnotlab.experiment.times import At
from carnotlab.experiment.training import Training
from carnotlab.measures.losses import TEST_PREDICTION, test_prediction
from carnotlab.networks.architectures import mlp
from carnotlab.networks.initialisation import Gaussian
from carnotlab.networks.parameterization import Standard
from carnotlab.runs.run import Computable, Progress, RunResult, result_key
from carnotlab.runs.store import Store
from carnotlab.tasks.digits import Digits
from carnotlab.tasks.splitting import validation_and_test
from carnotlab.training.consecutive import train_consecutively

WAYS = ("one pass", "stopped replay", "all epochs")
WRONG = Quantity(
    "wrong_by_label_noise", ("noise", "way"), "fraction", "held-out images classified wrongly"
)
WRONG_COURSE = Quantity(
    "wrong_over_epochs", ("noise",), "fraction", "the same over epochs, at the rate replay chose"
)
BASELINE = Quantity(
    "wrong_by_baseline", ("noise", "baseline"), "fraction", "the same by regularized linear models"
)
EPOCHS_CHOSEN = Quantity("epochs_chosen", ("noise",), "epochs", "epochs after which replay stopped")


@dataclass(frozen=True)
class RealReplayRun(Computable):
    """Digits with a share of wrong training labels (``noise``), one image a step.

    Each of ``draws`` takes other images. Rate and number of epochs are chosen on one half of the
    held-out images, whose labels are clean, and errors are of the other half: ``one pass`` chooses
    among rates after the first epoch, ``stopped replay`` among rates and epochs, ``all epochs``
    among rates at the last. Time has one entry.
    """

    noise: tuple[float, ...]
    draws: int
    images: int = 200
    held_out: int = 800
    hidden: int = 64
    rates: tuple[float, ...] = (0.02, 0.06, 0.15, 0.3)
    epochs: tuple[int, ...] = (1, 2, 3, 5, 8, 12, 20, 30)

    @property
    def precision(self) -> str:
        """The numbers that training computes in."""
        return "float32"

    @property
    def key(self) -> str:
        """A digest of the description, code, versions and devices."""
        return result_key("replay of digits", self)

    def compute(self, store: Store | None = None, progress: Progress | None = None) -> RunResult:
        """Train all draws at all noise levels in one program, once for each rate."""
        del store
        began = time.perf_counter()
        sets = [
            self._task(draw, share).data() for share in self.noise for draw in range(self.draws)
        ]
        train, test = (
            Batch(
                *(np.stack([np.asarray(d[part][field]) for d in sets])[:, None] for field in (0, 1))
            )
            for part in (0, 1)
        )
        wrong: list[Float[np.ndarray, "member epoch half"]] = []
        for index, rate in enumerate(self.rates):
            if progress is not None:
                progress(index / len(self.rates))
            outputs = train_consecutively(
                self._experiment(),
                Data(train, test),
                (test_prediction,),
                range(len(sets)),
                rates=np.array([rate]),
            )[TEST_PREDICTION.name][:, 0]
            misses = outputs.argmax(axis=-1) != np.asarray(test.y).argmax(axis=-1)
            halves = misses.reshape(*misses.shape[:2], 2, -1)
            wrong.append(halves.mean(axis=-1))
        found = np.stack(wrong, axis=1).reshape(
            len(self.noise), self.draws, len(self.rates), len(self.epochs), 2
        )
        return self._result(found, began)

    def _result(
        self, found: Float[np.ndarray, "noise draw rate epoch half"], began: float
    ) -> RunResult:
        kinds = len(self.noise), self.draws
        ways = np.empty((*kinds, len(WAYS)))
        courses = np.empty((*kinds, len(self.epochs)))
        chosen = np.empty(kinds)
        for place in np.ndindex(kinds):
            choose, judge = found[place][..., 0], found[place][..., 1]
            ways[*place, 0] = judge[int(np.argmin(choose[:, 0])), 0]
            rate, epoch = np.unravel_index(int(np.argmin(choose)), choose.shape)
            ways[*place, 1] = judge[rate, epoch]
            ways[*place, 2] = judge[int(np.argmin(choose[:, -1])), -1]
            courses[place], chosen[place] = judge[rate], self.epochs[int(epoch)]
        baselines = np.array(
            [
                [baseline_errors(self._judged(draw, share)) for draw in range(self.draws)]
                for share in self.noise
            ]
        )
        once, coords = {"time": [float(max(self.epochs))]}, {"noise": list(self.noise)}

        def end(quantity: Quantity, values: Float[np.ndarray, "noise draw ..."]) -> xr.DataArray:
            ordered = np.moveaxis(values, 0, 1)[:, None]
            return quantity.label(ordered, ("seed", "time"), once | coords)

        epochs = xr.DataArray(
            np.moveaxis(courses, (1, 2, 0), (0, 1, 2)), dims=("seed", "epoch", "noise")
        )
        observation = xr.Dataset(
            {
                WRONG.name: end(WRONG, ways),
                BASELINE.name: end(BASELINE, baselines),
                EPOCHS_CHOSEN.name: end(EPOCHS_CHOSEN, chosen),
                WRONG_COURSE.name: epochs,
            }
        ).assign_coords(epoch=list(self.epochs), way=list(WAYS), baseline=list(KINDS))
        share = Check(
            "a linear teacher",
            "images and labels are those of regression on Gaussian inputs: 1 if they are not",
            1.0,
            0.5,
        )
        return RunResult(xr.Dataset(), observation, (share,), time.perf_counter() - began)

    def _task(self, draw: int, share: float) -> Digits:
        return Digits(self.images, self.held_out, centre_targets=True, label_noise=share, seed=draw)

    def _judged(self, draw: int, share: float) -> Data:
        data = self._task(draw, share).data()
        return Data(data.train, validation_and_test(data.test)[1])

    def _experiment(self) -> Experiment:
        network = mlp(
            64, (self.hidden,), 10, weight_variance=2.0, parameterization=Standard(),
            initialisation=Gaussian(),
        )  # fmt: skip
        training = Training(
            GradientDescent(1.0),
            self.images * max(self.epochs),
            Minibatch(1),
            record=At(tuple(float(self.images * epoch) for epoch in self.epochs)),
        )
        return Experiment(self._task(0, 0.0), network, training)
