from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from finished_runs import curves, finished_run, scored
from report_pages import Outline, run_on
from simulated_cases import rising, simulate

from fieldguide.data.check import Finding, Findings
from fieldguide.data.dataset import Skipped
from fieldguide.data.parts import Leak
from fieldguide.errors import FileError, InputError, InputTypeError
from fieldguide.evaluation.ailment import POSSIBLE, UNDERFITTING, Ailment, Figure
from fieldguide.evaluation.case import Case
from fieldguide.evaluation.diagnose import diagnose
from fieldguide.intervals import difference, wilson
from fieldguide.model.nets import Net
from fieldguide.reporting.diagnosis import SURE
from fieldguide.reporting.page import MISTAKES_SHOWN, report
from fieldguide.reporting.pictures import thumbnails
from fieldguide.reporting.sections import covered, why_unmeasured
from fieldguide.training.fit import Run
from fieldguide.training.scratch_recipe import ScratchRecipe


def test_the_finding_comes_first(tmp_path: Path) -> None:
    run = run_on(tmp_path / "birds", ("owl", "wren"), 50)
    page = report(run, scored(run, range(4)), tmp_path / "out" / "report.html")
    assert page == tmp_path / "out" / "report.html"
    found = Outline(page.read_text(encoding="utf-8"))
    assert "Owl or wren: right for 96.0% of pictures it had not seen" in found.text
    assert "95% confidence interval 90.2\N{EN DASH}98.4%, n=100 test pictures" in found.text
    order = [attributes["id"] for attributes in found.all("h2")]
    assert order == ["overfitting", "mistakes", "unsure", "classes", "calibration", "pictures", "making"]
    assert found.text.index("It overfits") < found.text.index("Does it overfit?")


def test_everything_the_run_recorded_is_there(tmp_path: Path) -> None:
    run = run_on(tmp_path / "birds", ("owl", "wren"))
    page = report(run, scored(run, [0]), tmp_path / "r.html", command="fieldguide train birds --test 0.4")
    text = Outline(page.read_text(encoding="utf-8")).text
    for words in (
        "epoch 2, kept", "chose, so it is not quoted", "L2 penalty 0.01", "reading pictures", run.fingerprint,
        "Apache-2.0", "fieldguide train birds --test 0.4", "The weights of the marked epoch were kept",
        "numpy", "centre crop", "model.keras", "Temperature 1.30",
    ):  # fmt: skip
        assert words in text, words


def test_mistakes_are_shown_as_pictures_with_names_and_probabilities(tmp_path: Path) -> None:
    run = run_on(tmp_path / "birds", ("owl", "wren"), 20)
    score = scored(run, [3, 30])
    found = Outline(report(run, score, tmp_path / "r.html").read_text(encoding="utf-8"))
    assert "All 2 mistakes, the most confident first" in found.text
    assert "owl/3.png" in found.text
    mistakes = [image for image in found.all("img") if "taken for" in (image["alt"] or "")]
    assert sorted(image["alt"] or "" for image in mistakes) == ["owl, taken for wren", "wren, taken for owl"]
    maps = [image["alt"] or "" for image in found.all("img") if (image["alt"] or "").startswith("For ")]
    assert len(maps) == 4
    assert {"For wren it finds nothing in the picture that speaks for the class."} <= set(maps)  # its weights are 0
    assert found.text.count(": nothing speaks for it") == 4
    data = base64.b64decode((mistakes[0]["src"] or "").removeprefix("data:image/jpeg;base64,"))
    decoded = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
    assert decoded is not None and decoded.shape == (224, 224, 3)


def test_of_many_mistakes_the_rest_is_counted(tmp_path: Path) -> None:
    run = run_on(tmp_path / "birds", ("owl", "wren"), 40)
    found = Outline(report(run, scored(run, range(30)), tmp_path / "r.html").read_text(encoding="utf-8"))
    assert f"{MISTAKES_SHOWN} of 30 mistakes" in found.text
    assert len([image for image in found.all("img") if "taken for" in (image["alt"] or "")]) == MISTAKES_SHOWN


def test_no_mistake_is_said_with_the_number_of_pictures(tmp_path: Path) -> None:
    run = run_on(tmp_path / "birds", ("owl", "wren"))
    text = Outline(report(run, scored(run, []), tmp_path / "r.html").read_text(encoding="utf-8")).text
    assert "It made no mistake on 12 pictures" in text
    assert "cannot be told from 12 unseen pictures" in text


def test_the_page_loads_nothing_and_runs_nothing(tmp_path: Path) -> None:
    run = run_on(tmp_path / "birds", ("owl", "wren"))
    page = report(run, scored(run, [0]), tmp_path / "r.html").read_text(encoding="utf-8")
    found = Outline(page)
    assert not found.all("script")
    assert "http://" not in page and "https://" not in page and "url(" not in page and "@import" not in page
    for _, attributes in found.tags:
        assert not [key for key in attributes if key.startswith("on") or key == "style"]
        for key in ("src", "href"):
            assert (attributes.get(key) or "data:").startswith("data:")
    policy = next(meta["content"] for meta in found.all("meta") if meta.get("http-equiv"))
    style = re.search(r"<style>(.*?)</style>", page, re.S)
    assert style is not None
    digest = base64.b64encode(hashlib.sha256(style[1].encode()).digest()).decode()
    assert policy == (
        f"default-src 'none'; img-src data:; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"
    )


def test_names_cannot_break_out_of_the_page(tmp_path: Path) -> None:
    names = ("<script>alert(1)<", "תפוח \"'&", "x" * 120)
    run = run_on(tmp_path / "<img src=x>", names)
    finding = Finding("odd", "warning", "<i>odd</i>", ("a/<b>.jpg", "\udcff.jpg", *(f"{n}.jpg" for n in range(205))))
    findings = Findings(str(tmp_path), 20, 18, (Skipped(tmp_path / "<u>", "</details>"),), 1, {}, (finding,))
    page = report(run, scored(run, [0, 7, 13]), tmp_path / "r.html", findings=findings).read_text(encoding="utf-8")
    found = Outline(page)
    assert not {tag for tag, _ in found.tags} & {"script", "i", "u"}
    assert all((image["src"] or "").startswith("data:image/jpeg") for image in found.all("img"))
    assert "<script>alert(1)<" in found.text
    assert "\\udcff.jpg" in found.text
    assert "and 7 more, in card.json" in found.text


@pytest.mark.parametrize(
    ("given", "error", "said"),
    [
        (("run", None, "r.html"), InputTypeError, r"^run is 'run' \(str\); expected a Run, as fg\.train gives it\.$"),
        ((None, None, "r.html"), InputTypeError, "^run is None"),
        (("made", 0.9, "r.html"), InputTypeError, r"^score is 0\.9 \(float\); expected a Score, as fg\.evaluate"),
        (("made", None, "r.txt"), InputError, r"cannot be written as r\.txt: give it a name that ends in \.html"),
    ],
)
def test_what_no_report_can_be_made_of_is_named(
    tmp_path: Path, given: tuple[Any, Any, str], error: type[Exception], said: str
) -> None:
    run = run_on(tmp_path / "birds", ("owl", "wren")) if given[0] == "made" else given[0]
    with pytest.raises(error, match=said):
        report(run, *given[1:])


def test_findings_skipped_files_and_leaks_are_listed(tmp_path: Path) -> None:
    root = tmp_path / "birds"
    run = run_on(root, ("owl", "wren"), leaks=[Leak("owl/9.png", "train", "owl/1.png", "test")])
    findings = Findings(
        str(root), 64, 60, (Skipped(root / "owl" / "notes.txt", "it is text"),), 2, {"owl": 30, "wren": 30},
        (Finding("two labels", "problem", "one picture is in two classes", ("owl/2.png", "wren/3.png")),),
    )  # fmt: skip
    text = Outline(
        report(run, scored(run, [0]), tmp_path / "r.html", findings=findings).read_text(encoding="utf-8")
    ).text
    for words in (
        "64 files found, 60 read as pictures, 1 skipped. Hidden files left aside: 2.", "owl/notes.txt: it is text",
        "Problem. one picture is in two classes", "owl/9.png (train) is also owl/1.png (test)",
        "Leaks: 1 picture stands in two parts, 1 of them in the part that measures",
        "Some of them stand in another part too, which flatters the figure: 1 among the training pictures.",
    ):  # fmt: skip
        assert words in text, words
    assert "pictures it had not seen" not in text


def test_a_leak_that_leaves_the_measured_pictures_alone_takes_nothing_from_the_figure(tmp_path: Path) -> None:
    run = run_on(tmp_path / "birds", ("owl", "wren"), leaks=[Leak("owl/9.png", "train", "owl/8.png", "validation")])
    text = Outline(report(run, scored(run, [0]), tmp_path / "r.html").read_text(encoding="utf-8")).text
    assert "of pictures it had not seen" in text
    assert "They took no part in the training or in any choice." in text
    assert "Leaks: 1 picture stands in two parts, 0 of them in the part that measures" in text
    assert "owl/9.png (train) is also owl/8.png (validation)" in text


def test_the_curve_of_the_head_is_not_called_what_was_kept(tmp_path: Path) -> None:
    run = run_on(tmp_path / "birds", ("owl", "wren"))
    run = replace(run, epochs=curves([0.3, 0.2, 0.1], "head"))
    text = Outline(report(run, scored(run, [0]), tmp_path / "r.html").read_text(encoding="utf-8")).text
    assert "The curve is of one fold" in text
    assert "one step of L-BFGS" in text
    assert "epoch 3, its last" in text
    assert "weights of the marked epoch" not in text
    given = replace(run, parts=replace(run.parts, validation=run.parts.test))
    text = Outline(report(given, scored(given, [0]), tmp_path / "r.html").read_text(encoding="utf-8")).text
    assert "one fold" not in text


def test_without_a_command_none_is_claimed_to_repeat_the_run(tmp_path: Path) -> None:
    run = run_on(tmp_path / "birds", ("owl", "wren"))
    text = Outline(report(run, scored(run, [0]), tmp_path / "r.html").read_text(encoding="utf-8")).text
    assert "To repeat it" not in text and "fieldguide train" not in text
    assert "What is in the run folder" in text


def scratch_run(root: Path, case: Case, class_names: Sequence[str] = ("owl", "wren")) -> Run:
    """A run of a training from scratch with the epochs of a case."""
    run = run_on(root, class_names, 20)
    epochs = (*case.epochs[:-1], replace(case.epochs[-1], chosen=True))
    return replace(run, recipe=ScratchRecipe(Net("classic", "small"), epochs=len(epochs)), epochs=epochs)


def test_each_ailment_has_its_own_block(tmp_path: Path) -> None:
    run = scratch_run(tmp_path / "my <birds>", simulate(rising(0.6, 1.0, 6), rising(0.6, 0.75, 3), val_n=25))
    score = scored(run, range(10))
    page = report(run, score, tmp_path / "r.html").read_text(encoding="utf-8")
    diagnosis = diagnose(run, score)
    assert [one.kind for one in diagnosis.ailments] == ["validation set too small", "overfitting"]
    first, second = re.findall(r"<article class=\"ailment.*?</article>", page, re.S)
    for block, one in zip((first, second), diagnosis.ailments, strict=True):
        found = Outline(block)
        assert one.remedy is not None
        for words in (one.sentence, *one.evidence, one.remedy.what, one.remedy.command, SURE[one.sure]):
            assert words in found.text.replace("\N{EN DASH}", "-"), words
        assert [tag for tag, _ in found.tags].count("pre") == 1
        assert [div.get("class") for div in found.all("div")].count(None) == len(one.figures)
        assert "my &lt;birds&gt;" in block
    assert "Besides" not in page and "`" not in Outline(page).text
    order = [page.index(part) for part in (first, 'aria-label="Loss over', second, "Measured at the end")]
    assert order == sorted(order)
    shown = Outline(first).text
    assert shown.index(diagnosis.ailments[0].sentence) < shown.index("epochs") < shown.index("Next."), "curves first"
    assert Outline(page).text.count(diagnosis.verdict.rstrip(".")) == 1, "the verdict is said once"
    for line in diagnosis.ailments[1].evidence:
        assert Outline(page).text.replace("\N{EN DASH}", "-").count(line) == 1


def test_the_figures_of_an_ailment_have_their_units_and_intervals(tmp_path: Path) -> None:
    figures = (
        Figure.of("accuracy on held-out pictures", wilson(80, 100)),
        Figure.of("gap", difference(wilson(100, 100), wilson(80, 100))),
        Figure("training loss", 0.6931),
        Figure("share of the training loss that the last third took off", 0.25),
        Figure("largest fall", 0.125),
    )
    run = run_on(tmp_path / "birds", ("owl", "wren"))
    one = Ailment(UNDERFITTING, "It underfits.", ("So it is.",), figures, POSSIBLE)
    diagnosis = replace(diagnose(run, scored(run, [0])), ailments=(one,))
    text = Outline(report(run, scored(run, [0]), tmp_path / "r.html", diagnosis=diagnosis).read_text()).text
    for words in (
        "Underfitting, possible: other causes", "80.0%95% CI 71.1\N{EN DASH}86.7%, n=100", "20.0 points95% CI 12.",
        "training loss0.693", "took off25.0%", "largest fall12.5 points",
    ):  # fmt: skip
        assert words in text, words


def test_the_curves_of_a_training_from_scratch_say_what_is_marked(tmp_path: Path) -> None:
    def losses(epoch: int) -> float:
        return 0.52 + 0.02 * abs(epoch - 7)

    run = scratch_run(tmp_path / "birds", simulate(rising(0.6, 1.0, 6), rising(0.6, 0.75, 3), val_loss=losses))
    count = len(run.epochs)
    text = Outline(report(run, scored(run, range(10)), tmp_path / "r.html").read_text(encoding="utf-8")).text
    for words in (
        f"epoch {count}, kept", "epoch 7, best", "by heart from epoch 8 on", "Bands are 95% intervals",
        "Best is the epoch with the lowest loss on held-out pictures near the lowest of its running median",
    ):  # fmt: skip
        assert words in text, words
    assert "learning rate changed" not in text
    rates = [1e-3 if place < 10 else 1e-4 for place in range(count)]
    run = replace(run, epochs=tuple(replace(one, rate=rate) for one, rate in zip(run.epochs, rates, strict=True)))
    text = Outline(report(run, scored(run, range(10)), tmp_path / "r.html").read_text(encoding="utf-8")).text
    assert "learning rate changed" in text


def test_a_run_that_measured_nothing_says_so(tmp_path: Path) -> None:
    run = run_on(tmp_path / "birds", ("owl", "wren"))
    text = Outline(report(run, None, tmp_path / "r.html").read_text(encoding="utf-8")).text
    assert "Owl or wren: not measured" in text
    assert "Where it goes wrong" not in text


def test_what_was_measured_of_some_classes_says_of_how_many(tmp_path: Path) -> None:
    run = run_on(tmp_path / "birds", ("owl", "tit", "wren"))
    assert "classes" not in covered(scored(run, [0]))
    test = run.parts.test.select(np.flatnonzero(run.parts.test.labels < 2))
    run = replace(run, parts=replace(run.parts, test=test))
    text = Outline(report(run, scored(run, [0]), tmp_path / "r.html").read_text(encoding="utf-8")).text
    assert f"n={len(test)} test pictures of 2 of the 3 classes." in text


def test_too_few_pictures_are_the_cause_where_a_share_was_to_be_kept(tmp_path: Path) -> None:
    run = run_on(tmp_path / "birds", ("owl", "wren"))
    parts = replace(run.parts, test=run.parts.test.select(np.zeros(0, np.int64)))
    assert "give --test a share above 0" in why_unmeasured(replace(parts, shares=(0.0, 0.0)))
    why = why_unmeasured(replace(parts, shares=(0.15, 0.2)))
    assert "too few pictures" in why and "20% were to be kept; give three different pictures" in why


def test_with_two_hundred_classes_what_is_left_out_is_said(tmp_path: Path) -> None:
    names = [f"species {number:03d}" for number in range(200)]
    run = run_on(tmp_path / "moths", names, 1)
    page = report(run, scored(run, range(40)), tmp_path / "r.html").read_text(encoding="utf-8")
    text = Outline(page).text
    for words in (
        "200 classes: right for 80.0%", "The 40 of 200 classes with the most mistakes are drawn",
        "The 30 of 200 classes with the lowest recall", "The other 170 classes", "The first 96 of 200 classes",
    ):  # fmt: skip
        assert words in text, words
    assert len(page) < 2_000_000


def test_pictures_that_are_gone_do_not_stop_the_report(tmp_path: Path) -> None:
    run = run_on(tmp_path / "birds", ("owl", "wren"))
    run.parts.test.paths[0].unlink()
    found = Outline(report(run, scored(run, [0, 1]), tmp_path / "r.html").read_text(encoding="utf-8"))
    assert "The file is gone." in found.text
    assert len([image for image in found.all("img") if "taken for" in (image["alt"] or "")]) == 1
    for path in run.parts.test.paths[1:]:
        path.unlink()
    report(run, scored(run, [0, 1]), tmp_path / "r.html")


def test_a_mistake_is_shown_with_its_own_picture_where_others_were_never_scored(tmp_path: Path) -> None:
    run = run_on(tmp_path / "birds", ("owl", "wren"))
    whole = run.parts.test
    scored_later = finished_run(run.parts.train, whole.select(range(2, len(whole))))  # two files have gone meanwhile
    found = Outline(report(run, scored(scored_later, [1]), tmp_path / "r.html").read_text(encoding="utf-8"))
    assert "owl/3.png" in found.text
    mistake = next(image for image in found.all("img") if "taken for" in (image["alt"] or ""))
    url = thumbnails(whole, {3: 224}, target_size=(224, 224), resize="crop")[3]
    assert mistake["src"] == url


def test_a_class_without_test_pictures_does_not_stop_the_report(tmp_path: Path) -> None:
    run = run_on(tmp_path / "birds", ("owl", "wren", "kite"))
    test = run.parts.test.select(np.flatnonzero(run.parts.test.labels < 2))
    smaller = finished_run(run.parts.train, test)
    text = Outline(report(smaller, scored(smaller, [0]), tmp_path / "r.html").read_text(encoding="utf-8")).text
    assert "no pictures" in text


def test_the_same_run_gives_the_same_bytes(tmp_path: Path) -> None:
    run = run_on(tmp_path / "birds", ("owl", "wren"))
    score = scored(run, [0])
    first = report(run, score, tmp_path / "a.html").read_bytes()
    assert report(run, score, tmp_path / "b.html").read_bytes() == first


def test_a_page_that_cannot_be_written_is_refused(tmp_path: Path) -> None:
    run = run_on(tmp_path / "birds", ("owl", "wren"))
    (tmp_path / "file").write_text("here")
    with pytest.raises(FileError, match="cannot write"):
        report(run, scored(run, [0]), tmp_path / "file" / "report.html")


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_text_contrasts_with_its_ground_as_wcag_aa_asks(theme: str) -> None:
    style = (Path(report.__code__.co_filename).parent / "style.css").read_text(encoding="utf-8")
    blocks = re.findall(r":root \{(.*?)\}", style, re.S)
    colours = dict(re.findall(r"--(\w+): (#[0-9a-f]{6})\b", blocks[0 if theme == "light" else 1]))

    def light(colour: str) -> float:
        parts = [int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)]
        linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    for text in ("ink", "muted", "accent"):
        for ground in ("paper", "tint"):
            bright, dim = sorted((light(colours[text]), light(colours[ground])), reverse=True)
            assert (bright + 0.05) / (dim + 0.05) >= 4.5, (text, ground)
