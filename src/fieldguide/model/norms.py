"""Batch normalisation for networks in training: Keras's layer, by TensorFlow's fused operation where it is the backend.

Keras computes it from single operations, which on a processor take longer than the convolutions between them, in half
precision above all. The fused operation makes one pass. Finished classifiers have Keras's own layer with these weights.

Source: S. Ioffe, C. Szegedy (2015), "Batch normalization", ICML, arXiv 1502.03167.
"""

from __future__ import annotations

from typing import Any

import keras


class FusedBatchNormalization(keras.layers.BatchNormalization):
    """Keras's layer with the same weights and, up to rounding, the same values; quicker on TensorFlow."""

    def call(self, inputs: Any, training: bool | None = None, mask: Any = None) -> Any:
        """The maps (n, height, width, channels), normalised by their own statistics while the network trains.

        Args:
            inputs: feature maps, channels last.
            training: otherwise they are normalised by the moving statistics.
            mask: none is known here.
        """
        if not (training and mask is None and keras.backend.backend() == "tensorflow" and len(inputs.shape) == 4):
            return super().call(inputs, training=training, mask=mask)
        import tensorflow as tf

        empty = tf.zeros([0], tf.float32)
        result, mean, variance, *_ = tf.raw_ops.FusedBatchNormV3(
            x=tf.cast(inputs, self.compute_dtype),
            scale=tf.convert_to_tensor(self.gamma),
            offset=tf.convert_to_tensor(self.beta),
            mean=empty,
            variance=empty,
            epsilon=self.epsilon,
            is_training=True,
        )
        count = tf.cast(tf.size(inputs) // inputs.shape[-1], tf.float32)
        variance *= (count - 1) / count  # the operation gives that of the population, Keras keeps that of the batch
        for moving, now in ((self.moving_mean, mean), (self.moving_variance, variance)):
            moving.assign(moving * self.momentum + now * (1 - self.momentum))
        return result
