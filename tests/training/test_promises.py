"""What a training promises rests on pictures that the answering network did not learn from, and on no others."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from scratch_trainings import QUICK, trained

from fieldguide.data.dataset import Dataset
from fieldguide.data.parts import Leak
from fieldguide.data.pixels import PixelStore
from fieldguide.data.split import split
from fieldguide.errors import InputError
from fieldguide.job import Outcome
from fieldguide.model.engine import NetEngine
from fieldguide.training.promises import Origins, _naming, promises_of_net
from fieldguide.training.recipe import Recipe
from fieldguide.training.record import Answers
from fieldguide.training.scratch_recipe import ScratchRecipe


def test_the_main_job_promises_on_all_pictures_that_were_held_out_in_turns(small_job: Outcome) -> None:
    run = small_job.run
    promises, groups = run.promises, np.unique(run.parts.groups)
    assert promises.why == ()
    assert promises.naming is not None
    assert promises.novelty is not None
    assert promises.naming == run.classifier.naming
    assert (promises.naming.n, promises.novelty.n) == (len(groups), len(groups))
    assert promises.naming.error_rate == promises.novelty.false_alarms == 0.05
    assert len(promises.novelty.references) == len(run.parts.train)
    assert len(promises.novelty.basis) == 1280  # of the last map, whatever the head reads
    fields = run.to_dict()["promises"]
    assert isinstance(fields, dict)
    assert fields["naming"] == promises.naming.to_dict()
    assert fields["novelty"]["references"] == len(run.parts.train)


def test_the_promise_is_kept_on_pictures_that_were_not_seen(small_job: Outcome) -> None:
    assert small_job.score is not None
    found = small_job.score.replied
    assert found is not None
    assert found.coverage is not None
    assert found.coverage.kept
    assert found.coverage.share.n == small_job.score.n
    assert found.alarms_kept


def test_copies_and_leaks_of_a_validation_part_are_known(small_photos: Path) -> None:
    parts = split(Dataset.from_directory(small_photos), validation=0.4, test=0.2)
    store = PixelStore.build(Dataset.from_directory(small_photos))
    learnt, count = len(parts.train), len(parts.validation)
    origins = Origins.of(parts, store)
    assert origins.groups.shape == origins.leaked.shape == (learnt + count,)
    assert not origins.leaked.any()
    assert not set(origins.groups[:learnt]) & set(origins.groups[learnt:])
    leak = Leak(parts.train.name(0), "train", parts.validation.name(2), "validation")
    leaked = Origins.of(replace(parts, leaks=(leak,)), store).leaked
    assert np.flatnonzero(leaked).tolist() == [learnt + 2]


def test_answers_of_pictures_that_were_seen_in_another_guise_do_not_count() -> None:
    stated = np.tile([0.9, 0.1], (60, 1))
    labels = np.array([1] * 20 + [0] * 40)
    answers = Answers(np.arange(60), labels, stated)
    origins = Origins(np.arange(60), np.arange(60) < 20)
    naming, why = _naming(answers, origins, 0.05)
    assert why == ()
    assert naming is not None
    assert (naming.n, naming.gap) == (40, 0)
    assert _naming(answers, Origins(np.arange(60), np.ones(60, bool)), 0.05) == (
        None,
        ("it names one class each: every picture that was held out is one that it learnt from",),
    )
    none, (few,) = _naming(answers, origins, 0.01)
    assert none is None
    assert few == (
        "it names one class each: 40 held-out pictures are too few to promise the true class for 99 of 100, 99 are "
        "needed at least"
    )


@pytest.mark.keras
@pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept a copy:DeprecationWarning")
def test_a_network_from_random_weights_promises_on_what_chose_its_epoch(small_store: PixelStore) -> None:
    done = trained(small_store, QUICK.with_(epochs=2))
    found, held = done.result(), done.watched.held
    origins = Origins(np.arange(len(small_store)), np.zeros(len(small_store), bool))
    recipe = QUICK.with_(epochs=2, error_rate=0.2)
    promises = promises_of_net(found, done.watched, recipe, small_store, origins)
    assert promises.naming is not None
    assert promises.novelty is not None
    assert (promises.naming.n, promises.novelty.n) == (len(held), len(held))
    assert len(promises.novelty.references) == len(done.watched.fitted)
    # The very pictures that set the threshold exceed it as rarely as was promised: it is of the network's own features.
    features = NetEngine(recipe.net, found.weights).features(small_store.read(held))
    assert promises.novelty.measured(features).value <= 0.2
    measuring = replace(done.watched, chooses=False)
    none = promises_of_net(found, measuring, recipe, small_store, origins)
    assert (none.naming, none.novelty) == (None, None)
    assert none.why[0].endswith("none was held out to fit its promises on: give --validation a share above 0")


@pytest.mark.parametrize("rate", [0, 0.5, -1, 1.5, "much", None, True])
@pytest.mark.parametrize("kind", [Recipe, ScratchRecipe])
def test_an_error_rate_out_of_range_is_refused(kind: type[Recipe] | type[ScratchRecipe], rate: object) -> None:
    with pytest.raises(InputError, match=r"error_rate is .*; expected a share above 0 and below 0\.5, such as 0\.05"):
        kind(error_rate=rate)  # type: ignore[arg-type]
