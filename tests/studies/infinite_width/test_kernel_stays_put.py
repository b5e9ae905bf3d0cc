"""The study of kernels that stay put: what it runs, and what the change may depend on."""

import numpy as np
import pytest

from carnotlab.experiment.experiment import Experiment
from carnotlab.experiment.rules import GradientDescent
from carnotlab.experiment.times import At
from carnotlab.experiment.training import Training
from carnotlab.measures.kernel_change import kernel_change
from carnotlab.networks.activations import Erf
from carnotlab.networks.architectures import mlp
from carnotlab.studies.infinite_width.kernel_stays_put import (
    KernelStaysPut,
    StaysPutSettings,
    fitted_widths,
)
from carnotlab.tasks.digits import Digits
from carnotlab.training.train import train

STUDY = KernelStaysPut()


def motion(target_scale, output_variance, rate, hidden=(64,)):
    """Change of the kernel after 10 steps on digits, for two members."""
    task = Digits(20, 10, standardise="per feature", centre_targets=True, target_scale=target_scale)
    network = mlp(64, hidden, 10, activation=Erf(), output_variance=output_variance)
    training = Training(GradientDescent(rate), 10, record=At((0, 10)), precision="float64")
    measure = kernel_change(np.asarray(task.data().train.x)[:4])
    found = train(Experiment(task, network, training), (measure,), (0, 1))
    return found["kernel_change"].values[:, -1]


def test_motion_depends_on_targets_over_the_size_of_outputs_only():
    """Outputs and targets times s, rate over s^2: the same weights at every step, exactly."""
    plain = motion(1.0, 1.0, 4.0)
    assert (plain > 0.01).all()
    np.testing.assert_allclose(motion(0.1, 0.01, 400.0), plain, rtol=1e-8)
    # Outputs alone made smaller: weights have to move further for the same targets.
    assert (motion(1.0, 0.01, 400.0) > 1.5 * plain).all()


def test_a_linear_model_does_not_move_its_kernel():
    assert (motion(1.0, 1.0, 4.0, hidden=()) < 1e-14).all()


def test_fits_are_over_widths_whose_kernels_change_little_and_never_fewer_than_two():
    assert fitted_widths(StaysPutSettings(widths=(64, 256, 1024))) == (256, 1024)
    assert fitted_widths(StaysPutSettings(widths=(16, 32, 64))) == (32, 64)


def test_a_data_set_that_is_not_there_is_skipped_in_words(monkeypatch, tmp_path):
    monkeypatch.setenv("CARNOT_DATA", str(tmp_path))
    settings = StaysPutSettings(sets=("digits", "MNIST"), widths=(8, 16), samples=20)
    arms, skipped = STUDY.arms(settings)
    assert len(skipped) == 1
    assert "CARNOT_DATA" in skipped[0]
    assert all(arm.label.startswith("digits, ") for arm in arms)
    labels = tuple(arm.label for arm in arms)
    assert {j.label.split(", ")[0] for j in STUDY.judgements(settings, labels)} == {"digits"}


def test_a_users_file_takes_the_place_of_the_others(tmp_path):
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(50, 3)), rng.normal(size=50)
    np.savez(tmp_path / "mine.npz", x=x, y=y)
    settings = StaysPutSettings(data=str(tmp_path / "mine.npz"), widths=(8, 16), samples=20)
    arms, skipped = STUDY.arms(settings)
    assert skipped == ()
    assert {arm.label.split(", ")[0] for arm in arms} == {"your data"}
    assert arms[0].run.experiment.task.data().train.size == pytest.approx(20, abs=1)


def test_widths_and_parameterizations_share_one_rate():
    arms, _ = STUDY.arms(StaysPutSettings(widths=(8, 16), samples=20))
    assert len(arms) == 8
    for activation in ("smooth", "rectifier"):
        runs = [arm.run.experiment.training for arm in arms if f", {activation}, " in arm.label]
        assert len({training.rule.learning_rate for training in runs}) == 1
