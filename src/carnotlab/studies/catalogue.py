"""All studies, in the order a newcomer should meet them."""

import difflib

from carnotlab.core.errors import InputError
from carnotlab.studies.deep_linear_stages import DeepLinearStages
from carnotlab.studies.infinite_width.convolution_helps_small_data import ConvolutionHelpsSmallData
from carnotlab.studies.infinite_width.depth_and_order_to_chaos import DepthAndOrderToChaos
from carnotlab.studies.infinite_width.infinite_nets_on_small_data import InfiniteNetsOnSmallData
from carnotlab.studies.infinite_width.kernel_limit_of_convnets import KernelLimitOfConvnets
from carnotlab.studies.infinite_width.kernel_stays_put import KernelStaysPut
from carnotlab.studies.infinite_width.orthogonal_or_gaussian import OrthogonalOrGaussian
from carnotlab.studies.infinite_width.width_to_kernel import WidthToKernel
from carnotlab.studies.learning_in_a_hierarchy import LearningInAHierarchy
from carnotlab.studies.study import Study

STUDIES: tuple[Study, ...] = (
    DeepLinearStages(),
    LearningInAHierarchy(),
    WidthToKernel(),
    KernelLimitOfConvnets(),
    KernelStaysPut(),
    DepthAndOrderToChaos(),
    OrthogonalOrGaussian(),
    InfiniteNetsOnSmallData(),
    ConvolutionHelpsSmallData(),
)


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
