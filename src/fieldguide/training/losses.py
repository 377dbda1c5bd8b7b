"""The loss that follows from the classes: cross-entropy of one sigmoid unit or of softmax units, plain or focal."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from fieldguide.bounds import number
from fieldguide.errors import InputError
from fieldguide.words import shortened

LOSSES = ("cross_entropy", "focal")
MOST_GAMMA = 10.0


def require_loss(loss: Any, gamma: Any) -> float:
    """Sees to it that a loss is one of those there are; its gamma as a float.

    Which cross-entropy it is follows from the classes and is not to be chosen, so that it cannot contradict the labels.

    Raises:
        InputError: it is none, or gamma is out of range.

    Example:
        >>> require_loss("categorical_crossentropy", 2)
        Traceback (most recent call last):
        fieldguide.errors.InputError: loss is 'categorical_crossentropy'; expected one of cross_entropy, focal: whether
        it is binary or categorical follows from the number of classes, so that it fits the labels.
    """
    if loss not in LOSSES:
        follows = (
            ": whether it is binary or categorical follows from the number of classes, so that it fits the labels"
            if "crossentropy" in str(loss).replace("_", "").lower()
            else ""
        )
        raise InputError(f"loss is {shortened(loss)}; expected one of {', '.join(LOSSES)}{follows}.")
    return number(
        "gamma", gamma, f"a number from 0 to {MOST_GAMMA:g}, such as 2", lambda value: 0 <= value <= MOST_GAMMA
    )


def loss_of(units: int, loss: str, gamma: float = 2.0) -> Callable[[Any, Any], Any]:
    """The loss of each picture from its targets and logits, both (n, units), as Keras takes it.

    Args:
        units: 1 is a sigmoid unit, the second class's probability; more are softmax units.
        loss: "cross_entropy"; or "focal", in which what is told well already counts less: by (1 - p) to the power of
            gamma, p being the probability of the truth. Targets may be mixed or smoothed: each class's share counts so.
        gamma: of the focal loss; 0 is plain cross-entropy.

    Source:
        T.-Y. Lin, P. Goyal, R. Girshick, K. He, P. Dollar (2017), "Focal loss for dense object detection", ICCV, arXiv
        1708.02002. Its alpha, a weight of each class, is what the class weights are here.
    """
    from keras import ops

    power = gamma if loss == "focal" else 0.0

    def one_class(share: Any, log_probability: Any) -> Any:
        terms = -share * log_probability
        if not power:
            return terms
        # By the logarithm, whose gradient is finite where a probability is 1 in float32.
        rest = ops.maximum(1.0 - ops.exp(log_probability), 1e-7)
        return terms * ops.exp(power * ops.log(rest))

    def of_two(targets: Any, logits: Any) -> Any:
        truth = one_class(targets, ops.log_sigmoid(logits)) + one_class(1.0 - targets, ops.log_sigmoid(-logits))
        return ops.sum(truth, axis=-1)

    def of_many(targets: Any, logits: Any) -> Any:
        return ops.sum(one_class(targets, ops.log_softmax(logits, axis=-1)), axis=-1)

    return of_two if units == 1 else of_many
