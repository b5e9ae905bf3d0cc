"""Experiments that ``carnot sweep`` knows by name, and those of a user's own Python file."""

import importlib.util
import inspect
import sys
import traceback
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, get_type_hints

import msgspec

from carnotlab.core.errors import CarnotError, InputError, require
from carnotlab.experiment.batching import FullBatch, Minibatch
from carnotlab.experiment.experiment import Experiment
from carnotlab.experiment.losses import CrossEntropy, SquaredError
from carnotlab.experiment.rules import Adam, GradientDescent
from carnotlab.experiment.times import Logarithmically
from carnotlab.experiment.training import Training
from carnotlab.measures.base import Measure
from carnotlab.networks.activations import Erf, Relu, Tanh
from carnotlab.networks.architectures import mlp
from carnotlab.networks.parameterization import NTK, MeanField, Standard
from carnotlab.tasks.base import Task

NAMED = "mlp"
"""The experiment that needs no file: a multilayer perceptron."""


VARIADIC = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)


@dataclass(frozen=True)
class Recipe:
    """A function from settings to an experiment, and what to measure, if it says so."""

    name: str
    function: Callable[..., Any]
    measures: tuple[Measure, ...] | None = None

    def __call__(self, **settings: Any) -> Experiment:
        """Return the experiment of one setting, values converted to the parameters' types."""
        converted = self._converted(settings)
        try:
            found = self.function(**converted)
        except (CarnotError, MemoryError):
            raise
        except (Exception, SystemExit) as error:
            raise InputError(
                f"{self.name} with {_in_words(settings)}, which raised {_in_line(error)}",
                "a function that returns a carnot.Experiment, or an InputError that says why not",
                "mend the file, or leave that setting out",
            ) from error
        require(
            isinstance(found, Experiment),
            f"a {type(found).__name__} from {self.name}",
            "a carnot.Experiment",
            "return one",
        )
        return found

    def require_settings(self, names: Sequence[str]) -> None:
        """Refuse settings that the function does not take, and ask for those it needs.

        Raises:
            InputError: naming both.
        """
        known = dict(self._parameters())
        anything = any(each.kind is each.VAR_KEYWORD for each in known.values())
        known = {k: each for k, each in known.items() if each.kind not in VARIADIC}
        for name in names:
            require(
                name in known or anything,
                f"setting '{name}' of {self.name}",
                f"one of {', '.join(known)}" if known else "none, as it takes no settings",
                "check the spelling",
            )
        lacking = [
            name
            for name, each in known.items()
            if each.default is inspect.Parameter.empty and name not in names
        ]
        require(
            not lacking,
            f"{self.name} without {', '.join(lacking)}",
            "a value for each parameter that has no default",
            f"add {lacking[0] if lacking else ''}=...",
        )

    def _parameters(self) -> Mapping[str, inspect.Parameter]:
        try:
            return inspect.signature(self.function).parameters
        except (TypeError, ValueError) as error:
            raise InputError(
                f"experiment in {self.name}, whose settings are not known ({error})",
                "def experiment(lr: float, ...) -> carnot.Experiment",
                "define it so",
            ) from error

    def _converted(self, settings: dict[str, Any]) -> dict[str, Any]:
        try:
            hints = get_type_hints(self.function)
        except Exception as error:
            raise InputError(
                f"annotations of experiment() in {self.name} that mean nothing ({_in_line(error)})",
                "types of settings such as float, int or str",
                "import what they name, or leave them out",
            ) from error
        found: dict[str, Any] = {}
        for name, value in settings.items():
            try:
                found[name] = msgspec.convert(value, hints.get(name, Any), strict=False)
            except msgspec.ValidationError as error:
                raise InputError(
                    f"{name}={value}", f"what {self.name} takes ({error})", "change the value"
                ) from error
        return found


def recipe_of(target: str, data: Path | None = None, column: str | None = None) -> Recipe:
    """Return the named experiment, or that of a Python file, which is run to find it.

    Raises:
        InputError: for an unknown name, or a file without a usable ``experiment``.
    """
    if target == NAMED:
        return Recipe(NAMED, perceptron_on(_task(data, column)))
    require(
        target.endswith(".py"),
        f"'{target}'",
        f"'{NAMED}', the name of a study, or a Python file with a function experiment(...)",
        "`carnot list` names the studies",
    )
    require(data is None, f"--data with {target}", "data read by the file itself", "leave it out")
    return _from_file(Path(target))


def perceptron_on(task: Task) -> Callable[..., Experiment]:
    """Return the experiment that trains multilayer perceptrons on a task, by its settings."""
    classes = task.is_classification

    def experiment(
        lr: float = 0.1,
        width: int = 64,
        depth: int = 1,
        batch: int = 32,
        steps: int = 1000,
        momentum: float = 0.0,
        decay: float = 0.0,
        rule: Literal["gradient", "adam"] = "gradient",
        activation: Literal["relu", "tanh", "erf"] = "relu",
        parameterization: Literal["standard", "ntk", "mean-field"] = "standard",
        loss: Literal["cross-entropy", "squared"] = "cross-entropy" if classes else "squared",
        variance: float = 2.0,
        records: int = 30,
    ) -> Experiment:
        """A perceptron of ``depth`` hidden layers; ``batch=0`` takes all samples at each step."""
        require(depth >= 1, f"depth={depth}", "at least one hidden layer", "use depth=1")
        require(batch >= 0, f"batch={batch}", "a size, or 0 for all samples", "use batch=32")
        require(
            rule == "gradient" or momentum == 0.0,
            f"momentum={momentum} with rule=adam",
            "momentum of gradient descent",
            "leave momentum out",
        )
        network = mlp(
            task.input_size,
            (width,) * depth,
            task.output_size,
            activation={"relu": Relu(), "tanh": Tanh(), "erf": Erf()}[activation],
            weight_variance=variance,
            parameterization={
                "standard": Standard(),
                "ntk": NTK(),
                "mean-field": MeanField(),
            }[parameterization],
        )
        training = Training(
            Adam(lr) if rule == "adam" else GradientDescent(lr, momentum),
            duration=steps,
            batching=Minibatch(batch) if batch else FullBatch(),
            loss=CrossEntropy() if loss == "cross-entropy" else SquaredError(),
            weight_decay=decay,
            record=Logarithmically(records),
        )
        return Experiment(task, network, training)

    return experiment


def _task(data: Path | None, column: str | None) -> Task:
    if data is None:
        require(column is None, f"--target {column}", "a data file with it", "add --data FILE")
        from carnotlab.tasks.digits import Digits

        return Digits()
    from carnotlab.tasks.user_file import from_file

    return from_file(data, target=column)


def _from_file(path: Path) -> Recipe:
    """Run a Python file, as ``python FILE`` would, and return what it defines."""
    require(path.is_file(), str(path), "a Python file", "check the path")
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    # Found by name again where an object of the file is sent to another process.
    sys.modules.setdefault(path.stem, module)
    sys.path.insert(0, str(path.resolve().parent))
    try:
        spec.loader.exec_module(module)
    except (CarnotError, MemoryError):
        raise
    except (Exception, SystemExit) as error:
        raise InputError(
            f"{path} ({_in_line(error)})",
            "a file that Python can run",
            f"try python {path}",
        ) from error
    function: Any = getattr(module, "experiment", None)
    require(
        callable(function),
        f"{path} without a function 'experiment'",
        "def experiment(lr: float, ...) -> carnot.Experiment",
        "name it so",
    )
    measures = getattr(module, "measures", None)
    if measures is not None:
        require(
            isinstance(measures, tuple | list) and all(isinstance(m, Measure) for m in measures),
            f"measures of {path}",
            "a tuple of carnot.Measure",
            "leave it out for losses and accuracies",
        )
    return Recipe(path.name, function, None if measures is None else tuple(measures))


def _in_words(settings: Mapping[str, Any]) -> str:
    return ", ".join(f"{name}={value}" for name, value in settings.items()) or "no settings"


def _in_line(error: BaseException) -> str:
    """Return kind and text of an exception of the user's, and the line it came from."""
    text = f"{type(error).__name__}: {error}".removesuffix(": ")
    if isinstance(error, SyntaxError):
        return text  # which says where
    frames = traceback.extract_tb(error.__traceback__)
    return f"{text}, line {frames[-1].lineno} of {frames[-1].filename}" if frames else text
