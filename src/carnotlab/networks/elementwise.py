"""What all activations are: layers that act on every unit by itself."""


class Elementwise:
    """What acts on every unit by itself; readings that only pass it by match on this class.

    >>> from carnotlab.networks.activations import Relu
    >>> isinstance(Relu(), Elementwise)
    True
    """
