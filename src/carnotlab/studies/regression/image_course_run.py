"""A linear network trained on images, over time, held against the images' spectrum."""

import time
from dataclasses import dataclass, replace

import numpy as np

from carnotlab.core.assumptions import Check
from carnotlab.core.data import Batch, Data
from carnotlab.core.quantities import labelled
from carnotlab.experiment.rules import GradientDescent
from carnotlab.experiment.times import Logarithmically
from carnotlab.experiment.training import Training
from carnotlab.measures.losses import TEST_LOSS, TRAIN_LOSS, test_loss, train_loss
from carnotlab.networks.initialisation import Gaussian
from carnotlab.runs.run import Computable, Progress, RunResult, result_key
from carnotlab.runs.store import Store
from carnotlab.studies.linear_networks import one_layer
from carnotlab.studies.regression.image_ridge_run import image_pool
from carnotlab.tasks.drawing import generator
from carnotlab.tasks.reading import file_digest
from carnotlab.theories.high_dimensional.deterministic_equivalents import largest_eigenvalue
from carnotlab.theories.high_dimensional.population import population_of
from carnotlab.theories.high_dimensional.regression_course import regression_course
from carnotlab.training.consecutive import train_consecutively


@dataclass(frozen=True)
class ImageCourseRun(Computable):
    """One linear layer on one-hot classes of images, from zero, several draws of the samples.

    ``shuffled`` gives every image the class of another, on both sides: what is left to learn is
    noise. ``white`` takes eigenvalues and powers to be even. Losses are half squared errors.
    """

    path: str
    samples: int = 200
    draws: int = 8
    steps: int = 3000
    records: int = 30
    held_out: int = 2500
    shuffled: bool = False
    white: bool = False

    @property
    def key(self) -> str:
        """A digest of the description, the images, code, versions and devices."""
        return result_key("course on images", replace(self, path=file_digest(self.path)))

    @property
    def precision(self) -> str:
        """The numbers that training computes in."""
        return "float32"

    def compute(self, store: Store | None = None, progress: Progress | None = None) -> RunResult:
        """Predict from the statistics of all images; train on every draw."""
        del store, progress
        began = time.perf_counter()
        pool = image_pool(self.path, self.held_out)
        y, test_y, own = pool.y, pool.test_y, pool.population
        if self.shuffled:
            random = generator(0, "shuffled classes")
            y, test_y = random.permutation(y), random.permutation(test_y)
            own = population_of(pool.x, y)
        rate = 1.0 / largest_eigenvalue(own.eigenvalues, self.samples)
        taken = own.taken_for_white() if self.white else own
        rows = [
            generator(draw, "image samples").permutation(len(pool.x))[: self.samples]
            for draw in range(self.draws)
        ]
        shape = (self.draws, 1)
        data = Data(
            Batch(
                np.stack([pool.x[r] for r in rows])[:, None],
                np.stack([y[r] for r in rows])[:, None],
            ),
            Batch(
                np.broadcast_to(pool.test_x, (*shape, *pool.test_x.shape)),
                np.broadcast_to(test_y, (*shape, *test_y.shape)),
            ),
        )
        inputs, outputs = pool.x.shape[1], y.shape[1]
        training = Training(GradientDescent(rate), self.steps, record=Logarithmically(self.records))
        experiment = one_layer(inputs, self.samples, Gaussian(1e-9), training, outputs=outputs)
        seen = train_consecutively(
            experiment, data, (train_loss, test_loss), tuple(range(self.draws))
        )
        course = regression_course(
            training.flow_times,
            taken.eigenvalues,
            taken.teacher_power,
            self.samples,
            noise_variance=own.noise_variance,
            rate=rate,
        )
        clocks = {
            "time": training.times,
            "flow_time": ("time", training.flow_times),
            "seed": list(range(self.draws)),
        }
        observation = labelled(
            {quantity: seen[quantity.name][:, 0] for quantity in (TRAIN_LOSS, TEST_LOSS)},
            ("seed", "time"),
            clocks,
        )
        prediction = labelled(
            {
                TRAIN_LOSS: 0.5 * course.train,
                TEST_LOSS: 0.5 * (course.excess + own.noise_variance),
            },
            ("time",),
            {"time": training.times},
        )
        checks = (
            Check(
                "light tails",
                "fourth moment of whitened components over that of Gaussians, mean; at least 1",
                own.tail_weight,
                2.0,
            ),
            Check(
                "description true",
                "the theory is given the images' own spectrum: 0 if so",
                float(self.white),
                0.0,
            ),
        )
        return RunResult(prediction, observation, checks, time.perf_counter() - began)
