"""Fieldguide turns folders of labelled pictures into an image classifier that people can trust.

The names below are loaded on first use, so that importing fieldguide takes no time.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from fieldguide.version import __version__

if TYPE_CHECKING:
    from fieldguide.augmentation.layer import Augment
    from fieldguide.batches import Mixing
    from fieldguide.cache import cache_size, clear_cache
    from fieldguide.comparison.compare import compare
    from fieldguide.comparison.outcome import Comparison
    from fieldguide.data import samples
    from fieldguide.data.check import Finding, Findings, check
    from fieldguide.data.corrections import Corrections
    from fieldguide.data.dataset import Dataset, Skipped
    from fieldguide.data.pixels import PixelStore
    from fieldguide.data.split import Parts, split
    from fieldguide.data.tag_split import split_tags
    from fieldguide.data.tagged import TaggedDataset
    from fieldguide.errors import (
        FieldguideError,
        FileError,
        InputError,
        InputKeyError,
        InputTypeError,
        MissingFileError,
        ModelError,
        PictureError,
        TrainingError,
    )
    from fieldguide.evaluation.crossvalidation import CrossValidation, cross_validate
    from fieldguide.evaluation.diagnose import Diagnosis, diagnose
    from fieldguide.evaluation.evaluate import evaluate
    from fieldguide.evaluation.explaining import Explanation, Explanations, explain
    from fieldguide.evaluation.metrics import Score
    from fieldguide.evaluation.tag_evaluate import evaluate_tags
    from fieldguide.evaluation.tag_metrics import TagScore
    from fieldguide.intervals import Estimate
    from fieldguide.model.classifier import Classifier
    from fieldguide.model.loading import load
    from fieldguide.model.nets import Net
    from fieldguide.model.predictions import Prediction, Predictions
    from fieldguide.model.tag_classifier import TagClassifier
    from fieldguide.preprocessing.folders import image_dataset_from_directory
    from fieldguide.preprocessing.generator import ImageDataGenerator
    from fieldguide.preprocessing.labels import check_labels
    from fieldguide.preprocessing.pictures import array_to_img, img_to_array, load_img, save_img
    from fieldguide.preprocessing.random_transforms import random_rotation, random_shear, random_shift, random_zoom
    from fieldguide.preprocessing.transforms import (
        apply_affine_transform,
        apply_brightness_shift,
        apply_channel_shift,
    )
    from fieldguide.reporting.page import report
    from fieldguide.training.embeddings import Embeddings, embed
    from fieldguide.training.fit import Run, train
    from fieldguide.training.optimiser import Optimiser
    from fieldguide.training.rates import RateSearch, find_rate
    from fieldguide.training.recipe import Recipe
    from fieldguide.training.scratch_recipe import ScratchRecipe
    from fieldguide.training.stopping import Stopping, Targets
    from fieldguide.training.tagging import train_tags

_MODULE_OF = {
    "Augment": "augmentation.layer",
    "Classifier": "model.classifier",
    "Comparison": "comparison.outcome",
    "Corrections": "data.corrections",
    "CrossValidation": "evaluation.crossvalidation",
    "Dataset": "data.dataset",
    "Diagnosis": "evaluation.diagnose",
    "Embeddings": "training.embeddings",
    "Estimate": "intervals",
    "Explanation": "evaluation.explaining",
    "Explanations": "evaluation.explaining",
    "FieldguideError": "errors",
    "FileError": "errors",
    "Finding": "data.check",
    "Findings": "data.check",
    "ImageDataGenerator": "preprocessing.generator",
    "InputError": "errors",
    "InputKeyError": "errors",
    "InputTypeError": "errors",
    "MissingFileError": "errors",
    "Mixing": "batches",
    "ModelError": "errors",
    "Net": "model.nets",
    "Optimiser": "training.optimiser",
    "Parts": "data.split",
    "PictureError": "errors",
    "PixelStore": "data.pixels",
    "Prediction": "model.predictions",
    "Predictions": "model.predictions",
    "RateSearch": "training.rates",
    "Recipe": "training.recipe",
    "Run": "training.fit",
    "Score": "evaluation.metrics",
    "ScratchRecipe": "training.scratch_recipe",
    "Skipped": "data.dataset",
    "Stopping": "training.stopping",
    "TagClassifier": "model.tag_classifier",
    "TagScore": "evaluation.tag_metrics",
    "TaggedDataset": "data.tagged",
    "Targets": "training.stopping",
    "TrainingError": "errors",
    "apply_affine_transform": "preprocessing.transforms",
    "apply_brightness_shift": "preprocessing.transforms",
    "apply_channel_shift": "preprocessing.transforms",
    "array_to_img": "preprocessing.pictures",
    "cache_size": "cache",
    "check": "data.check",
    "check_labels": "preprocessing.labels",
    "clear_cache": "cache",
    "compare": "comparison.compare",
    "cross_validate": "evaluation.crossvalidation",
    "diagnose": "evaluation.diagnose",
    "embed": "training.embeddings",
    "evaluate": "evaluation.evaluate",
    "evaluate_tags": "evaluation.tag_evaluate",
    "explain": "evaluation.explaining",
    "find_rate": "training.rates",
    "image_dataset_from_directory": "preprocessing.folders",
    "img_to_array": "preprocessing.pictures",
    "load": "model.loading",
    "load_img": "preprocessing.pictures",
    "random_rotation": "preprocessing.random_transforms",
    "random_shear": "preprocessing.random_transforms",
    "random_shift": "preprocessing.random_transforms",
    "random_zoom": "preprocessing.random_transforms",
    "report": "reporting.page",
    "samples": "data.samples",
    "save_img": "preprocessing.pictures",
    "split": "data.split",
    "split_tags": "data.tag_split",
    "train": "training.fit",
    "train_tags": "training.tagging",
}

__all__ = ["__version__", *_MODULE_OF]


def __getattr__(name: str) -> Any:
    if name not in _MODULE_OF:
        raise AttributeError(f"module 'fieldguide' has no attribute {name!r}")
    module = importlib.import_module(f"fieldguide.{_MODULE_OF[name]}")
    value = module if name == "samples" else getattr(module, name)
    globals()[name] = value  # the sub-package of the same name, once loaded, must not stand in its way
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
