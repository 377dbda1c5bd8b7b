"""Adam with a rate of its own for each part of a network, some of which join in later."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    import keras

SLOWER = 0.4  # the rate of a stage, times that of the stage behind it
JOINED_BY = 0.5  # the share of the steps after which all stages are trained


class Pace(NamedTuple):
    """How one variable is trained."""

    factor: float  # by which the rate is multiplied
    first: int  # the step from which on it is trained


def paces_of(model: keras.Model, stages: Sequence[Sequence[str]], steps: int, *, gradual: bool) -> list[Pace]:
    """The pace of each trainable variable of a model: lower stages slower, and if gradual, later.

    Args:
        model: to be trained.
        stages: the names of the layers of each stage of its trunk, in the order of the network. Layers that are in
            none, those of the head, have the full rate from the start, as has the last stage.
        steps: of the whole training.
        gradual: whether stages join in one after the other, all of them by half of the steps.
    """
    paces: dict[str, Pace] = {}
    for place, names in enumerate(reversed(stages)):
        first = round(JOINED_BY * steps * place / len(stages)) if gradual else 0
        paces |= dict.fromkeys(names, Pace(SLOWER**place, first))
    owners = {id(variable): layer.name for layer in model.layers for variable in layer.trainable_variables}
    return [paces.get(owners[id(variable)], Pace(1.0, 0)) for variable in model.trainable_variables]


def layerwise_adam(rate: keras.optimizers.schedules.LearningRateSchedule, paces: Sequence[Pace]) -> Any:
    """Adam with a pace for each trainable variable, in their order.

    To scale a gradient would change nothing, since Adam divides by its size: the step is scaled.

    Source:
        J. Howard, S. Ruder (2018), ACL, arXiv 1801.06146 (discriminative fine-tuning and gradual unfreezing).
    """
    import keras

    class LayerwiseAdam(keras.optimizers.Adam):
        """See `layerwise_adam`."""

        def update_step(self, gradient: Any, variable: Any, learning_rate: Any) -> None:
            factor, first = paces[self._get_variable_index(variable)]
            rate = learning_rate * factor
            if first:
                rate = rate * keras.ops.cast(self.iterations >= first, "float32")
            super().update_step(gradient, variable, rate)

    return LayerwiseAdam(rate)
