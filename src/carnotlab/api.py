"""The curated public names; `carnotlab` hands them out on first use."""

from carnotlab.core.data import Batch, Data, Modes
from carnotlab.core.errors import CarnotError, InputError, OutOfReachError
from carnotlab.core.quantities import Quantity
from carnotlab.core.verdicts import Tolerance, Verdict
from carnotlab.estimators.classifier import InfiniteNetworkClassifier
from carnotlab.estimators.infinite_network_covariance import InfiniteNetworkCovariance
from carnotlab.estimators.infinite_network_kernel import InfiniteNetworkKernel
from carnotlab.estimators.linear_baseline import linear_baselines
from carnotlab.estimators.regressor import InfiniteNetworkRegressor
from carnotlab.experiment.batching import FullBatch, Minibatch, Online
from carnotlab.experiment.experiment import Experiment
from carnotlab.experiment.losses import CrossEntropy, SquaredError
from carnotlab.experiment.rules import Adam, GradientDescent, GradientFlow, OptaxRule
from carnotlab.experiment.times import At, Evenly, Logarithmically
from carnotlab.experiment.training import EarlyStopping, Training
from carnotlab.measures.base import Measure
from carnotlab.measures.modes import MODE_STRENGTH
from carnotlab.measures.tangent_kernel import tangent_kernel
from carnotlab.networks import activations, layers
from carnotlab.networks.architectures import deep_linear, mlp
from carnotlab.networks.convolutional_architectures import convolutional, lenet, myrtle, resnet, vgg
from carnotlab.networks.description import Network
from carnotlab.networks.infinite.kernels import kernels
from carnotlab.networks.initialisation import (
    Aligned,
    Balanced,
    Gaussian,
    LambdaBalanced,
    Orthogonal,
    given,
    small,
)
from carnotlab.networks.parameterization import NTK, MeanField, Standard
from carnotlab.reports.sweep_figure import sweep_figure
from carnotlab.runs.blocked_kernel import BlockedKernel
from carnotlab.runs.blocked_solve import solve_in_blocks
from carnotlab.runs.information_in_weights import network_bound, network_codelength
from carnotlab.runs.landmark_regression import nystrom_solve
from carnotlab.runs.sweeps.carry_out import run_sweep
from carnotlab.runs.sweeps.results import SweepResult
from carnotlab.runs.sweeps.settings import Range, grid, listed, sampled
from carnotlab.runs.sweeps.sweep import Sweep, sweep_over
from carnotlab.studies.catalogue import STUDIES, find_study
from carnotlab.studies.comparison import Comparison, compare
from carnotlab.studies.running import run_study
from carnotlab.studies.style import style
from carnotlab.tasks.arrays import from_arrays
from carnotlab.tasks.base import Task
from carnotlab.tasks.digits import Digits
from carnotlab.tasks.feature_hierarchy import FeatureHierarchy
from carnotlab.tasks.gaussian_regression import GaussianRegression
from carnotlab.tasks.item_features import ItemFeatures
from carnotlab.tasks.label_noise import NoisyLabels, RandomLabels, ShuffledLabels
from carnotlab.tasks.linear_map import LinearMap
from carnotlab.tasks.noisy_polynomial import NoisyPolynomial
from carnotlab.tasks.planted_category import PlantedCategory
from carnotlab.tasks.teacher_student import TeacherStudent
from carnotlab.tasks.user_file import from_file
from carnotlab.theories.base import Theory
from carnotlab.theories.deep_linear.early_linear_course import EarlyLinearCourse
from carnotlab.theories.deep_linear.end_to_end_flow import EndToEndFlow
from carnotlab.theories.deep_linear.modes import DeepLinearModes
from carnotlab.theories.deep_linear.pretrained_modes import PretrainedModes
from carnotlab.theories.deep_linear.prior_knowledge import PriorKnowledge
from carnotlab.theories.deep_linear.weight_trajectories import WeightTrajectories
from carnotlab.theories.high_dimensional.regression_over_time import RegressionOverTime
from carnotlab.theories.lazy_kernel import LazyKernel
from carnotlab.theories.learners.evidence import weigh
from carnotlab.theories.learners.learning_curve import LearningCurve
from carnotlab.theories.noise.expected_dropout import ExpectedDropout
from carnotlab.theories.noise.linear_dropout import LinearDropout
from carnotlab.theories.online_learning.soft_committee import SoftCommittee
from carnotlab.theories.semantic.illusory_correlations import IllusoryCorrelations
from carnotlab.theories.semantic.inductive_projection import InductiveProjection
from carnotlab.theories.semantic.layer_similarity import LayerSimilarity
from carnotlab.training.consecutive import train_consecutively
from carnotlab.training.train import train, train_sweep
from carnotlab.training.width_sweep import train_widths

__all__ = [
    "MODE_STRENGTH",
    "NTK",
    "STUDIES",
    "Adam",
    "Aligned",
    "At",
    "Balanced",
    "Batch",
    "BlockedKernel",
    "CarnotError",
    "Comparison",
    "CrossEntropy",
    "Data",
    "DeepLinearModes",
    "Digits",
    "EarlyLinearCourse",
    "EarlyStopping",
    "EndToEndFlow",
    "Evenly",
    "ExpectedDropout",
    "Experiment",
    "FeatureHierarchy",
    "FullBatch",
    "Gaussian",
    "GaussianRegression",
    "GradientDescent",
    "GradientFlow",
    "IllusoryCorrelations",
    "InductiveProjection",
    "InfiniteNetworkClassifier",
    "InfiniteNetworkCovariance",
    "InfiniteNetworkKernel",
    "InfiniteNetworkRegressor",
    "InputError",
    "ItemFeatures",
    "LambdaBalanced",
    "LayerSimilarity",
    "LazyKernel",
    "LearningCurve",
    "LinearDropout",
    "LinearMap",
    "Logarithmically",
    "MeanField",
    "Measure",
    "Minibatch",
    "Modes",
    "Network",
    "NoisyLabels",
    "NoisyPolynomial",
    "Online",
    "OptaxRule",
    "Orthogonal",
    "OutOfReachError",
    "PlantedCategory",
    "PretrainedModes",
    "PriorKnowledge",
    "Quantity",
    "RandomLabels",
    "Range",
    "RegressionOverTime",
    "ShuffledLabels",
    "SoftCommittee",
    "SquaredError",
    "Standard",
    "Sweep",
    "SweepResult",
    "Task",
    "TeacherStudent",
    "Theory",
    "Tolerance",
    "Training",
    "Verdict",
    "WeightTrajectories",
    "activations",
    "compare",
    "convolutional",
    "deep_linear",
    "find_study",
    "from_arrays",
    "from_file",
    "given",
    "grid",
    "kernels",
    "layers",
    "lenet",
    "linear_baselines",
    "listed",
    "mlp",
    "myrtle",
    "network_bound",
    "network_codelength",
    "nystrom_solve",
    "resnet",
    "run_study",
    "run_sweep",
    "sampled",
    "small",
    "solve_in_blocks",
    "style",
    "sweep_figure",
    "sweep_over",
    "tangent_kernel",
    "train",
    "train_consecutively",
    "train_sweep",
    "train_widths",
    "vgg",
    "weigh",
]
