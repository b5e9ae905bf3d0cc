"""Interpolators of digits on random features, with random weights where no image decides."""

import time
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from carnotlab.core.assumptions import Check
from carnotlab.core.data import Data
from carnotlab.core.quantities import Quantity
from carnotlab.estimators.linear_baseline import KINDS, baseline_errors
from carnotlab.runs.run import Computable, Progress, RunResult, result_key
from carnotlab.runs.store import Store
from carnotlab.tasks.digits import Digits
from carnotlab.tasks.targets import share_wrong

UNSEEN = Quantity(
    "unseen_error", ("prior",), "1", "mean squared error on unseen images, summed over classes"
)
WRONG = Quantity("wrong", ("prior",), "fraction", "unseen images classified wrong")
BASELINE = Quantity("baseline", ("kind",), "fraction", "unseen images classified wrong")

MULTIPLES = (0.0, 0.25, 0.5, 1.0, 2.0, 4.0)
"""Prior variances, in units of that under which the labels are likeliest."""

COMPARED = 2
"""Draws of images on which the baselines are fitted."""

HELD_OUT = 500


@dataclass(frozen=True)
class DigitInterpolators(Computable):
    """Random draws of images, features and interpolators; ``seed`` is the draw.

    The prediction is exact for each draw in the mean over interpolators: the least-norm error plus
    the prior's variance times that of the unseen images in the directions that no image to learn
    from decides. ``harmless`` leaves the second part out.
    """

    images: int
    features: int
    harmless: bool = False
    draws: int = 32

    @property
    def key(self) -> str:
        """A digest of the description, code, versions and devices."""
        return result_key("digit interpolators", self)

    def compute(self, store: Store | None = None, progress: Progress | None = None) -> RunResult:
        """Draw one interpolator for each prior and draw of images."""
        del store
        began = time.perf_counter()
        shape = (self.draws, 1, len(MULTIPLES))
        seen, wrong, expected = np.empty(shape), np.empty(shape), np.empty(shape)
        left = 0.0
        for draw in range(self.draws):
            data = Digits(self.images, HELD_OUT, centre_targets=True, seed=draw).data()
            train, test = self._features(data, draw)
            y, truth = np.asarray(data.train.y), np.asarray(data.test.y)
            inverse = np.linalg.pinv(train)
            least = inverse @ y
            unseen = test - (test @ inverse) @ train
            # Under a Gaussian prior of variance v the labels are likeliest at y'K^-1 y / (n k) = v.
            likeliest = float(np.sum(least**2)) / y.size
            random = np.random.default_rng([self.images, self.features, draw, 19])
            spread = float(np.mean(np.sum(unseen**2, axis=1))) * y.shape[1]
            base = float(np.mean(np.sum((test @ least - truth) ** 2, axis=1)))
            for index, multiple in enumerate(MULTIPLES):
                z = np.sqrt(multiple * likeliest) * random.standard_normal(least.shape)
                weights = least + z - inverse @ (train @ z)
                left = max(left, float(np.abs(train @ weights - y).max()))
                said = test @ weights
                seen[draw, 0, index] = np.mean(np.sum((said - truth) ** 2, axis=1))
                wrong[draw, 0, index] = share_wrong(said, truth)
                expected[draw, 0, index] = base + (
                    0.0 if self.harmless else multiple * likeliest * spread
                )
            if progress is not None:
                progress((draw + 1) / self.draws)
        coords = {"time": [0.0], "prior": list(MULTIPLES)}
        observation = UNSEEN.label(seen, ("seed", "time"), coords).to_dataset()
        observation[WRONG.name] = WRONG.label(wrong, ("seed", "time"), coords)
        observation[BASELINE.name] = BASELINE.label(self._baselines(), (), {"kind": list(KINDS)})
        checks = (
            Check("labels fitted", "what is left of the labels, the largest entry", left, 1e-6),
            Check(
                "prior declared",
                "1 if the prediction leaves out what the prior puts where no label decides",
                float(self.harmless),
                0.0,
            ),
        )
        return RunResult(
            UNSEEN.label(expected, ("seed", "time"), coords).to_dataset(),
            observation,
            checks,
            time.perf_counter() - began,
        )

    def _features(
        self, data: Data, draw: int
    ) -> tuple[Float[np.ndarray, "n features"], Float[np.ndarray, "m features"]]:
        """Rectified random projections of the pixels, of about unit length."""
        pixels = [np.asarray(part.x) for part in (data.train, data.test)]
        random = np.random.default_rng([self.features, draw, 23])
        directions = random.standard_normal((pixels[0].shape[1], self.features))
        directions *= np.sqrt(2.0) / np.linalg.norm(pixels[0], axis=1).mean()
        first, second = (np.maximum(x @ directions, 0.0) for x in pixels)
        return first / np.sqrt(self.features), second / np.sqrt(self.features)

    def _baselines(self) -> Float[np.ndarray, " kind"]:
        found = [
            baseline_errors(Digits(self.images, HELD_OUT, seed=draw).data())
            for draw in range(min(COMPARED, self.draws))
        ]
        return np.mean(found, axis=0)
