"""Students of several widths on one teacher, second layer fixed or learning, in one program."""

import time
from dataclasses import dataclass, replace

import numpy as np
import xarray as xr
from jaxtyping import Float

from carnotlab.core.assumptions import Check
from carnotlab.core.quantities import Quantity
from carnotlab.experiment.batching import Minibatch, Online
from carnotlab.experiment.experiment import Experiment
from carnotlab.experiment.rules import GradientDescent
from carnotlab.experiment.times import Evenly
from carnotlab.experiment.training import Training
from carnotlab.networks.finite import Weights
from carnotlab.runs.run import Computable, Progress, RunResult, result_key
from carnotlab.runs.store import Store
from carnotlab.tasks.teacher_student import TeacherActivation, TeacherStudent
from carnotlab.theories.online_learning.committee_rates import (
    committee_rates,
    committee_student,
    committee_teacher,
    starting_overlaps,
)
from carnotlab.theories.online_learning.overlap_measures import (
    GENERALIZATION_ERROR,
    TEACHER_OVERLAP,
    overlap_measures,
)
from carnotlab.theories.online_learning.overlaps import overlap_course
from carnotlab.theories.online_learning.soft_committee import SoftCommittee
from carnotlab.training.train import train_sweep

FIXED, LEARNED = "second layer fixed", "both layers learn"
LAYERS = (FIXED, LEARNED)
STUDENT, SLIGHT = "{} units", "{} units, slight hint"
FIXED_RATE = 1e-12
"""Of the second layer over the first: its weights then stay what they are in single precision."""

ERRORS = Quantity(
    "error_by_width",
    ("layers", "kind"),
    "loss",
    "mean loss over all inputs, without label noise, by width of the student",
)
NOISE_IGNORED = replace(ERRORS, name="error_by_width_noise_ignored")
SETTLED = replace(ERRORS, name="error_by_width_settled")
Starts = dict[str, Weights]
TEACHER_OVERLAPS = Quantity(
    "teacher_overlap_by_width",
    ("layers", "kind", "student", "teacher"),
    "1",
    "overlaps of a student's units with teacher's, by width of the student",
)


@dataclass(frozen=True)
class CommitteeRun(Computable):
    r"""Online learning of ``widths`` of students, ``networks`` each, against their overlaps.

    The teacher has ``units`` orthonormal units of weight 1. Unit k of a student starts at
    ``hint`` times the teacher's unit k mod ``units`` plus entries :math:`N(0, s^2)`, s the
    ``start``, with second-layer weight 1, the same in both kinds of ``layers``; one more student,
    as wide as the teacher, has a ``slight`` hint. Time counts examples per input, up to ``load``.
    With ``reused`` there are only so many examples per input, replayed in random order. Errors that
    theory expects at ``settled_at`` are predicted too, if given: it should be some thousands of
    examples per input, and takes as long as all the rest. Rectifiers have no prediction.
    """

    inputs: int
    widths: tuple[int, ...]
    rate: float
    noise: float
    load: int
    networks: int
    start: float = 0.3
    hint: float = 0.5
    slight: float = 0.15
    units: int = 2
    records: int = 41
    activation: TeacherActivation = "erf"
    reused: int | None = None
    settled_at: float | None = None
    layers: tuple[str, ...] = LAYERS

    @property
    def precision(self) -> str:
        """The numbers that training computes in."""
        return "float32"

    @property
    def key(self) -> str:
        """A digest of the description, code, versions and devices."""
        return result_key("committee", self)

    @property
    def students(self) -> tuple[tuple[str, int, float], ...]:
        """Label, width and hint of each kind of student."""
        kinds = tuple((STUDENT.format(width), width, self.hint) for width in self.widths)
        return (*kinds, (SLIGHT.format(self.units), self.units, self.slight))

    @property
    def task(self) -> TeacherStudent:
        """The teacher, with as many examples as are replayed."""
        return TeacherStudent(
            self.inputs,
            self.units,
            self.activation,
            noise=self.noise,
            orthonormal=True,
            samples=1024 if self.reused is None else self.reused * self.inputs,
        )

    def experiments(self) -> dict[str, Experiment]:
        """Return each kind of ``layers``; a member is one network of one kind of student."""
        random = np.random.default_rng([self.inputs, max(self.widths), 6])
        first: list[Float[np.ndarray, "k n"]] = []
        second: list[Float[np.ndarray, " k"]] = []
        numbers = np.arange(max(*self.widths, self.units))
        known = self.task.first_weights[numbers % self.units]
        for _, width, hint in self.students:
            there = numbers < width
            for _ in range(self.networks):
                draw = random.standard_normal((len(there), self.inputs))
                first.append((self.start * draw + hint * known) * there[:, None])
                second.append(there.astype(np.float64))
        training = Training(
            GradientDescent(self.rate / self.inputs),
            self.load * self.inputs,
            Online() if self.reused is None else Minibatch(1),
            record=Evenly(self.records),
        )
        return {
            layers: Experiment(
                self.task,
                committee_student(first, second, activation=self.activation, second_rate=rate),
                training,
            )
            for layers, rate in ((FIXED, FIXED_RATE), (LEARNED, 1.0))
            if layers in self.layers
        }

    def compute(self, store: Store | None = None, progress: Progress | None = None) -> RunResult:
        """Predict every member from its start, and train all in one program."""
        del store
        began = time.perf_counter()
        experiments = self.experiments()
        members = tuple(range(len(self.students) * self.networks))
        starts = {layers: one.start(members) for layers, one in experiments.items()}
        prediction, checks = xr.Dataset(), ()
        if self.activation != "relu":
            prediction = self._predictions(experiments, starts)
            theory = SoftCommittee()
            checks = theory.check(experiments[LEARNED], starts[LEARNED])
        else:
            checks = (Check("a theory", "there is a closed form: 1 if there is none", 1.0, 0.5),)
        _, cross, _, error = overlap_measures(self.task)
        seen = train_sweep(experiments, (error, cross), members, progress=progress)
        observation = xr.Dataset(
            {
                ERRORS.name: self._by_width(ERRORS, seen[GENERALIZATION_ERROR.name].values),
                TEACHER_OVERLAPS.name: self._by_width(
                    TEACHER_OVERLAPS, seen[TEACHER_OVERLAP.name].values
                ),
            }
        )
        return RunResult(prediction, observation, checks, time.perf_counter() - began)

    def _predictions(self, experiments: dict[str, Experiment], starts: Starts) -> xr.Dataset:
        found: dict[Quantity, list[np.ndarray]] = {}
        for layers, one in experiments.items():
            full = SoftCommittee().predict(one, starts[layers])
            clean = SoftCommittee(noise=0.0).predict(one, starts[layers])
            values = {
                ERRORS: full[GENERALIZATION_ERROR.name].values,
                TEACHER_OVERLAPS: full[TEACHER_OVERLAP.name].values,
                NOISE_IGNORED: clean[GENERALIZATION_ERROR.name].values,
            }
            if self.settled_at is not None:
                # As many times as before, so that the solver's program is the same.
                late = np.concatenate([[0.0], np.geomspace(1.0, self.settled_at, self.records - 1)])
                begin, rates = starting_overlaps(one, starts[layers]), committee_rates(one)
                _, settled = overlap_course(late, begin, committee_teacher(one)[1], rates)
                values[SETTLED] = np.broadcast_to(settled[:, -1:], settled.shape)
            for quantity, each in values.items():
                found.setdefault(quantity, []).append(each)
        return xr.Dataset({q.name: self._by_width(q, np.stack(each)) for q, each in found.items()})

    def _by_width(self, quantity: Quantity, values: Float[np.ndarray, "..."]) -> xr.DataArray:
        """Return ``[layers, member, time, ...]`` as ``[seed, time, layers, width, ...]``."""
        shape = (len(self.layers), len(self.students), self.networks, *values.shape[2:])
        ordered = np.moveaxis(values.reshape(shape), (2, 3), (0, 1))
        times = np.linspace(0.0, self.load, ordered.shape[1])
        coords = {
            "time": times,
            "layers": list(self.layers),
            "kind": [label for label, *_ in self.students],
        }
        return quantity.label(ordered, ("seed", "time"), coords)
