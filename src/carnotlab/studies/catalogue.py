"""All studies, in the order a newcomer should meet them."""

import difflib

from carnotlab.core.errors import InputError
from carnotlab.studies.continual.forgetting import Forgetting
from carnotlab.studies.continual.frequency_and_curriculum import FrequencyAndCurriculum
from carnotlab.studies.deep_linear.deep_linear_stages import DeepLinearStages
from carnotlab.studies.deep_linear.depth_slows_learning import DepthSlowsLearning
from carnotlab.studies.deep_linear.linear_predicts_nonlinear import LinearPredictsNonlinear
from carnotlab.studies.deep_linear.not_a_gradient import NotAGradient
from carnotlab.studies.deep_linear.orthogonal_initialisation import OrthogonalInitialisation
from carnotlab.studies.deep_linear.prior_knowledge import KnowledgeDecides
from carnotlab.studies.deep_linear.saddles_not_minima import SaddlesNotMinima
from carnotlab.studies.deep_linear.unsupervised_pretraining import UnsupervisedPretraining
from carnotlab.studies.double_descent.double_descent_in_samples import DoubleDescentInSamples
from carnotlab.studies.double_descent.double_descent_in_time import DoubleDescentInTime
from carnotlab.studies.double_descent.double_descent_in_width import DoubleDescentInWidth
from carnotlab.studies.double_descent.double_descent_removed import DoubleDescentRemoved
from carnotlab.studies.infinite_width.convolution_helps_small_data import ConvolutionHelpsSmallData
from carnotlab.studies.infinite_width.depth_and_order_to_chaos import DepthAndOrderToChaos
from carnotlab.studies.infinite_width.infinite_nets_on_small_data import InfiniteNetsOnSmallData
from carnotlab.studies.infinite_width.kernel_limit_of_convnets import KernelLimitOfConvnets
from carnotlab.studies.infinite_width.kernel_stays_put import KernelStaysPut
from carnotlab.studies.infinite_width.orthogonal_or_gaussian import OrthogonalOrGaussian
from carnotlab.studies.infinite_width.width_to_kernel import WidthToKernel
from carnotlab.studies.information.information_in_weights import InformationInWeights
from carnotlab.studies.interpolation.deep_linear_generalization import DeepLinearGeneralization
from carnotlab.studies.interpolation.polynomial_from_zero import PolynomialFromZero
from carnotlab.studies.interpolation.random_interpolators_overfit import RandomInterpolatorsOverfit
from carnotlab.studies.landscape.average_of_two_models import AverageOfTwoModels
from carnotlab.studies.learners.stages_in_a_learner import StagesInALearner
from carnotlab.studies.noise.noise_as_regularizer import NoiseAsRegularizer
from carnotlab.studies.normalization.equilibrium_of_norms import EquilibriumOfNorms
from carnotlab.studies.normalization.exponential_learning_rate import ExponentialLearningRate
from carnotlab.studies.normalization.rate_is_initial_scale import RateIsInitialScale
from carnotlab.studies.normalization.tiny_rate_throughout import TinyRateThroughout
from carnotlab.studies.online_learning.replay_or_online import ReplayOrOnline
from carnotlab.studies.online_learning.small_teacher_large_student import SmallTeacherLargeStudent
from carnotlab.studies.optimization.batch_size_and_noise import BatchSizeAndNoise
from carnotlab.studies.optimization.continuation import Continuation
from carnotlab.studies.optimization.edge_of_stability import EdgeOfStability
from carnotlab.studies.optimization.flat_minima import FlatMinima
from carnotlab.studies.optimization.hessian_free_trains_deep import HessianFreeTrainsDeep
from carnotlab.studies.optimization.schedules_in_theory_and_practice import (
    SchedulesInTheoryAndPractice,
)
from carnotlab.studies.regression.important_structure_first import ImportantStructureFirst
from carnotlab.studies.regression.optimal_regularization import OptimalRegularization
from carnotlab.studies.regression.speed_against_generalization import SpeedAgainstGeneralization
from carnotlab.studies.robustness.linear_baseline import LinearBaselineStudy
from carnotlab.studies.robustness.robust_takeaway import RobustTakeaway
from carnotlab.studies.robustness.structure_of_data import StructureOfData
from carnotlab.studies.scaling.bigger_is_better import BiggerIsBetter
from carnotlab.studies.semantic.category_coherence import CategoryCoherence
from carnotlab.studies.semantic.illusory_correlations import IllusoryCorrelationsStudy
from carnotlab.studies.semantic.inductive_projection import InductiveProjectionStudy
from carnotlab.studies.semantic.learning_in_a_hierarchy import LearningInAHierarchy
from carnotlab.studies.semantic.progressive_differentiation import ProgressiveDifferentiation
from carnotlab.studies.semantic.same_content_in_every_layer import SameContentInEveryLayer
from carnotlab.studies.study import Study
from carnotlab.studies.without_a_cost.associative_memory import AssociativeMemory
from carnotlab.studies.without_a_cost.contraction_and_its_loss import ContractionAndItsLoss
from carnotlab.studies.without_a_cost.game_without_a_cost import GameWithoutACost
from carnotlab.studies.without_a_cost.learnable_because_structured import LearnableBecauseStructured
from carnotlab.studies.without_a_cost.local_learning_rules import LocalLearningRules
from carnotlab.studies.without_a_cost.stable_readout_from_drifting_codes import (
    StableReadoutFromDriftingCodes,
)

STUDIES: tuple[Study, ...] = (
    DeepLinearStages(),
    DepthSlowsLearning(),
    OrthogonalInitialisation(),
    UnsupervisedPretraining(),
    KnowledgeDecides(),
    SaddlesNotMinima(),
    NotAGradient(),
    LinearPredictsNonlinear(),
    LearningInAHierarchy(),
    ProgressiveDifferentiation(),
    IllusoryCorrelationsStudy(),
    CategoryCoherence(),
    InductiveProjectionStudy(),
    SameContentInEveryLayer(),
    FrequencyAndCurriculum(),
    Forgetting(),
    StagesInALearner(),
    WidthToKernel(),
    KernelLimitOfConvnets(),
    KernelStaysPut(),
    DepthAndOrderToChaos(),
    OrthogonalOrGaussian(),
    InfiniteNetsOnSmallData(),
    ConvolutionHelpsSmallData(),
    OptimalRegularization(),
    SpeedAgainstGeneralization(),
    ImportantStructureFirst(),
    DoubleDescentInWidth(),
    DoubleDescentInSamples(),
    DoubleDescentInTime(),
    DoubleDescentRemoved(),
    RandomInterpolatorsOverfit(),
    PolynomialFromZero(),
    DeepLinearGeneralization(),
    SmallTeacherLargeStudent(),
    ReplayOrOnline(),
    NoiseAsRegularizer(),
    InformationInWeights(),
    ExponentialLearningRate(),
    RateIsInitialScale(),
    TinyRateThroughout(),
    EquilibriumOfNorms(),
    BiggerIsBetter(),
    SchedulesInTheoryAndPractice(),
    EdgeOfStability(),
    BatchSizeAndNoise(),
    FlatMinima(),
    AverageOfTwoModels(),
    Continuation(),
    HessianFreeTrainsDeep(),
    GameWithoutACost(),
    ContractionAndItsLoss(),
    AssociativeMemory(),
    LocalLearningRules(),
    LearnableBecauseStructured(),
    StableReadoutFromDriftingCodes(),
    StructureOfData(),
    LinearBaselineStudy(),
    RobustTakeaway(),
)

TOUR: tuple[Study, ...] = tuple(
    study
    for study in STUDIES
    if study.name
    in {
        "deep-linear-stages",
        "depth-slows-learning",
        "saddles-not-minima",
        "learning-in-a-hierarchy",
        "forgetting",
        "stages-in-a-learner",
        "width-to-kernel",
        "depth-and-order-to-chaos",
        "infinite-nets-on-small-data",
        "optimal-regularization",
        "double-descent-in-width",
        "polynomial-from-zero",
        "small-teacher-large-student",
        "information-in-weights",
        "exponential-learning-rate",
        "edge-of-stability",
        "game-without-a-cost",
        "associative-memory",
    }
)
"""A few studies of each kind: what `carnot tour` runs."""


def find_study(name: str) -> Study:
    """Return the study of a name.

    Raises:
        InputError: if there is none, naming the nearest.

    >>> find_study("deep-linear-stages").name
    'deep-linear-stages'
    """
    for study in STUDIES:
        if study.name == name:
            return study
    names = [study.name for study in STUDIES]
    near = difflib.get_close_matches(name, names, n=1)
    hint = f"did you mean {near[0]}" if near else "see `carnot list`"
    raise InputError(f"study '{name}'", f"one of {', '.join(names)}", hint)
