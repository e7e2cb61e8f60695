"""Distillation: what is learnt from teachers, and that no teacher has seen what is tested."""

from __future__ import annotations

import hashlib
import shutil
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch
import yaml
from torch.nn import functional

from asc_cli import workflow
from asc_cli.augment import Batch, Scale
from asc_cli.augment.mixup import Mixup
from asc_cli.core import paths
from asc_cli.core.errors import AscError
from asc_cli.core.plugins import INSTALLED
from asc_cli.frontend import disk
from asc_cli.frontend.clips import ClipGrid, from_array
from asc_cli.frontend.standardise import no_standardisation
from asc_cli.frontend.varied import VariedClips
from asc_cli.inference import logits
from asc_cli.models import build
from asc_cli.recipe import load as recipe
from asc_cli.registry import models
from asc_cli.registry.identity import identity
from asc_cli.training import descent
from asc_cli.training.augmentation import Augmentation
from asc_cli.training.distillation import Distillation, TeacherLogits
from asc_cli.training.loss import cross_entropy
from tests.conftest import SMALL

STUDENT = (*SMALL, "distil.teachers=[toy_lstm]")


@pytest.fixture
def taught(home: Path, two_folds: Path) -> Path:
    """A home of its own that has the teacher toy_lstm@1: SMALL, two folds."""
    shutil.copytree(two_folds, home, dirs_exist_ok=True)
    return home


def train(root: Path, *more: str, folds: list[int] | None = None, jobs: int = 1) -> object:
    settings = recipe.load("toy_sa", [*STUDENT, *more])
    return workflow.train(settings, data=root, folds=folds or [1, 2], jobs=jobs)


# -- the loss ------------------------------------------------------------------------------------


def test_the_loss_is_that_of_hinton() -> None:
    rng = torch.Generator().manual_seed(0)
    scores, teacher = torch.randn(5, 4, generator=rng), torch.randn(1, 5, 4, generator=rng)
    labels, temperature = torch.tensor([0, 1, 2, 3, 0]), 3.0
    distil = Distillation(teacher.numpy(), 0.7, temperature)
    clips = from_array(*places([1] * 5))
    hard = cross_entropy(scores, labels)
    expected = 0.3 * hard + 0.7 * temperature**2 * functional.kl_div(
        torch.log_softmax(scores / temperature, dim=1),
        torch.softmax(teacher[0] / temperature, dim=1),
        reduction="batchmean",
    )
    q = torch.from_numpy(distil.of_clips(clips))
    torch.testing.assert_close(distil.loss(hard, scores, q), expected)
    same = Distillation(scores[None].numpy(), 0.7, temperature)
    q = torch.from_numpy(same.of_clips(clips))
    torch.testing.assert_close(same.loss(hard, scores, q), 0.3 * hard)
    certain = torch.eye(4)[labels]  # 0 · ln 0 is 0
    assert distil.loss(hard, scores, certain).isfinite()


def places(counts: list[int]) -> tuple:
    """Frames (N, 3) of recordings, where they begin and what else their clips depend on."""
    n = np.array(counts)
    frames = np.random.default_rng(0).normal(size=(n.sum(), 3)).astype(np.float32)
    return frames, np.cumsum(n) - n, n, ClipGrid(1, 1.0), no_standardisation(3)


def test_each_clip_has_the_answer_of_its_recording_in_its_variant() -> None:
    first, second = from_array(*places([2, 3])), from_array(*places([4, 1]))
    drawn = VariedClips((first, second)).draw(np.random.default_rng(1))
    answers = np.log([[[0.9, 0.1], [0.8, 0.2]], [[0.4, 0.6], [0.3, 0.7]]]).astype(np.float32)
    q = Distillation(answers, 1.0, 1.0).of_clips(drawn)
    assert {*drawn.which_set} == {0, 1}
    for row, variant, recording in zip(q, drawn.which_set, drawn.owners, strict=True):
        np.testing.assert_allclose(row, np.exp(answers[variant, recording]), rtol=1e-6)


def test_answers_are_mixed_as_targets_are() -> None:
    scale = Scale(torch.zeros(3), torch.ones(3), None)
    augment = Augmentation((Mixup(alpha=1.0),), scale, 4)
    x, labels = torch.randn(6, 2, 3), torch.tensor([0, 1, 2, 3, 0, 1])
    answers = torch.softmax(torch.randn(6, 4), dim=1)
    frames, _, targets, mixed = augment.with_answers(x, None, labels, answers, [7])
    batch = Mixup(alpha=1.0)(Batch(x, None, answers, scale), np.random.default_rng([7]))
    torch.testing.assert_close(mixed, batch.targets)
    alone = augment(x, None, labels, [7])
    assert torch.equal(alone[0], frames)
    torch.testing.assert_close(alone[2], targets)


def test_a_distilled_fit_resumes_with_the_same_bits(tmp_path: Path) -> None:
    clips = from_array(*places([3] * 8))
    labels = np.arange(8).repeat(3) % 2
    answers = np.random.default_rng(0).normal(size=(1, 8, 2)).astype(np.float32)
    distil = Distillation(answers, 0.9, 2.0)
    augment = Augmentation((Mixup(),), Scale(torch.zeros(3), torch.ones(3), None), 2)

    def fit(folder: Path, epochs: int) -> dict:
        settings = descent.Settings(
            epochs=epochs, learning_rate=0.01, l2=0, seed=0, batch_size=4, fold=1, curve_every=0
        )
        torch.manual_seed(0)
        model = build({"name": "mlp", "n_frames": 1, "n_hidden": 4}, 3, 2, INSTALLED)
        descent.fit_network(
            *(model, clips, labels, settings, folder, None, lambda _: None),
            augment=augment,
            distil=distil,
        )
        return model.state_dict()

    fit(tmp_path / "a", 1)
    resumed, straight = fit(tmp_path / "a", 3), fit(tmp_path / "b", 3)
    assert all(torch.equal(resumed[name], straight[name]) for name in straight)


# -- a run ---------------------------------------------------------------------------------------


def test_a_student_learns_from_the_member_that_has_not_seen_its_test(
    taught: Path, toy_root: Path
) -> None:
    done = train(toy_root)
    [remark] = [r["text"] for r in done.metrics["remarks"] if r["code"] == "distilled"]
    assert "fold 1 by the member of fold 1 of toy_lstm@1; fold 2 by the member of fold 2" in remark
    student, teacher = models.find(done.model), models.find("toy_lstm")
    assert {*teacher.training_files()} == {*student.training_files()}
    stored = {path: path.stat().st_mtime_ns for path in paths.logits().rglob("*.safetensors")}
    assert stored
    other = train(toy_root, "distil.weight=0.5")
    assert other.run != done.run
    assert stored == {p: p.stat().st_mtime_ns for p in paths.logits().rglob("*.safetensors")}


@pytest.mark.campaign
def test_the_same_bits_for_any_jobs_and_after_damage(taught: Path, toy_root: Path) -> None:
    first = train(toy_root)
    before = (first.run / "predictions.csv").read_bytes()
    shutil.rmtree(first.run)
    [damaged, *_] = sorted(paths.logits().rglob("*.safetensors"))
    damaged.write_bytes(damaged.read_bytes()[:-1] + b"!")
    again = train(toy_root, jobs=2)
    assert again.run == first.run and (again.run / "predictions.csv").read_bytes() == before


def test_logits_are_those_of_the_prediction(taught: Path, toy_root: Path) -> None:
    train(toy_root, folds=[1])
    path = toy_root / split_of(toy_root)[1][0]
    stored = logits.stored_logits(models.find("toy_lstm"), 1)
    [values] = stored.load([hashlib.sha256(path.read_bytes()).hexdigest()])
    [predicted] = workflow.predict([path], model="toy_lstm", fold=1)
    np.testing.assert_allclose(np.exp(values), [*predicted.scenes.values()], rtol=1e-4)


def test_the_teacher_counts_in_the_signature_not_its_name_alone(
    taught: Path, toy_root: Path
) -> None:
    first = train(toy_root, folds=[1])
    assert recipe.load("toy_sa", SMALL).settings.get("distil") is None
    workflow.train(
        recipe.load("toy_lstm", [*SMALL, "training.seed=1"]), data=toy_root, folds=[1], jobs=1
    )
    assert models.find("toy_lstm").id == "toy_lstm@2"
    assert train(toy_root, folds=[1]).run != first.run
    assert train(toy_root, "distil.teachers=[toy_lstm@1]", folds=[1]).run != first.run
    assert identity(models.find("toy_lstm@1")) != identity(models.find("toy_lstm@2"))


def test_logits_go_with_their_model(taught: Path, toy_root: Path) -> None:
    train(toy_root, folds=[1])
    usage = disk.disk()
    assert usage.logits_bytes > 0 and not [row for row in usage.unused if "model" in row.reason]
    models.remove("toy_lstm@1")
    [row] = [row for row in disk.disk().unused if row.reason == "its model was removed"]
    disk.prune()
    assert not row.path.exists() and disk.disk().logits_bytes == 0


def test_an_ensemble_teaches_by_its_mean(
    taught: Path, toy_root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    workflow.train(recipe.load("toy_sa", SMALL), data=toy_root, folds=[1], jobs=1)
    small = recipe.load("toy_lstm", SMALL), recipe.load("toy_sa", SMALL)
    systems = [
        {"recipe": {**each.settings}, "name": each.name, "weight": weight}
        for each, weight in zip(small, (1.0, 3.0), strict=True)
    ]
    path = tmp_path / "both.yaml"
    path.write_text(yaml.safe_dump({"dataset": "toy", "systems": systems}))
    workflow.train(path, data=toy_root, folds=[1], jobs=1)
    done = train(toy_root, "distil.teachers=[both]", folds=[1])
    [remark] = [r["text"] for r in done.metrics["remarks"] if r["code"] == "distilled"]
    assert remark.startswith("taught fold 1 by the member of fold 1 of both@1")
    assert {*models.find(done.model).training_files()} == {*models.find("both").training_files()}
    file = toy_root / split_of(toy_root)[1][0]
    digest = hashlib.sha256(file.read_bytes()).hexdigest()
    systems = models.find("both").systems()
    stored = tuple(logits.stored_logits(system, 1) for system in systems)
    one = TeacherLogits("both@1", stored, tuple(range(15)), (1.0, 3.0))
    [predicted] = workflow.predict([file], model="both", fold=1)
    expected = [*predicted.scenes.values()]
    np.testing.assert_allclose(np.exp(one.load([digest])[0, 0]), expected, rtol=1e-3)
    assert not [row for row in disk.disk().unused if "model" in row.reason]


# -- leaks ---------------------------------------------------------------------------------------


def with_other_folds(toy_root: Path, target: Path) -> Path:
    """The same recordings, split otherwise under the same fold numbers."""
    shutil.copytree(toy_root, target)
    for part in ("train", "test", "evaluate"):
        files = [target / "evaluation_setup" / f"fold{k}_{part}.txt" for k in (1, 2, 3, 4)]
        texts = [file.read_bytes() for file in files]
        for file, text in zip(files, texts[1:] + texts[:1], strict=True):
            file.write_bytes(text)
    return target


def test_another_split_with_equal_fold_numbers_is_no_proof(
    taught: Path, toy_root: Path, tmp_path: Path
) -> None:
    other = with_other_folds(toy_root, tmp_path / "toy")
    with pytest.raises(
        AscError,
        match=r"distil: the teacher toy_lstm@1 has no member that was not trained on some of the "
        r"15 recordings that fold 2 tests or validates on: its member of fold 2 was trained on 15 "
        r"of them, such as audio/.*\.wav.*so the student's score would too",
    ):
        train(other, folds=[2])  # tests what the teacher's fold 3 would, which was not trained
    assert not [*paths.runs().glob("toy_sa-*")]
    done = train(other, folds=[1])  # tests what the teacher's fold 2 tests: that member may teach
    [remark] = [r["text"] for r in done.metrics["remarks"] if r["code"] == "distilled"]
    assert "fold 1 by the member of fold 2 of toy_lstm@1" in remark


def test_the_same_sound_in_another_file_is_seen(
    taught: Path, toy_root: Path, tmp_path: Path
) -> None:
    """A table of the same sounds as FLAC, under other names, in other folds."""
    rows = ["file,label,fold"]
    for number, path in enumerate(sorted((toy_root / "audio").iterdir())):
        samples, rate = soundfile.read(path, dtype="int32")
        soundfile.write(tmp_path / f"x{number}.flac", samples, rate, subtype="PCM_24")
        scene = scenes(toy_root)[f"audio/{path.name}"]
        rows.append(f"x{number}.flac,{scene},{1 + (number // 15) % 2}")
    (tmp_path / "table.csv").write_text("\n".join(rows) + "\n")
    with pytest.raises(AscError, match=r"has no member that .* such as x[0-9]+\.flac"):
        train(tmp_path / "table.csv", "dataset=table", folds=[1])


def scenes(root: Path) -> dict[str, str]:
    lines = (root / "meta.txt").read_text().splitlines()
    return dict(line.split("\t")[:2] for line in lines)


def test_what_validates_counts_too(taught: Path, toy_root: Path) -> None:
    with pytest.raises(AscError, match=r"of the [0-9]+ recordings that fold 1 tests or validates"):
        train(
            toy_root,
            "validation.fraction=0.3",
            "validation.by=recording",
            "training.choose_epoch=validation",
            folds=[1],
        )


def test_tuning_is_refused_where_inner_trainings_are_judged_by_what_a_teacher_saw(
    taught: Path, toy_root: Path
) -> None:
    with pytest.raises(AscError, match="distil: the teacher toy_lstm@1 has no member"):
        workflow.tune("toy_sa", ["distil.weight=0.5,0.9"], STUDENT, data=toy_root, jobs=1)


def test_what_a_teachers_teacher_saw_counts_as_seen(
    taught: Path, toy_root: Path, tmp_path: Path
) -> None:
    """toy_lstm's fold 1 teaches a student on sounds of other files; that one may teach nobody who
    is tested on what toy_lstm was trained on."""
    tests, rest = split_of(toy_root)
    new = [f"{i}.wav" for i in range(len(tests))]
    for name, target in zip(tests, new, strict=True):
        samples, rate = soundfile.read(toy_root / name, dtype="int32")
        soundfile.write(tmp_path / target, samples[::-1], rate, subtype="PCM_24")
    scene_of = [scenes(toy_root)[name] for name in tests]
    own = [f"toy/{name}" for name in tests]
    (tmp_path / "toy").symlink_to(toy_root)
    train(as_table(tmp_path / "b.csv", own, new, scene_of), "dataset=table", folds=[1])
    seen = [f"toy/{next(n for n in rest if scenes(toy_root)[n] == s)}" for s in scene_of]
    table = as_table(tmp_path / "c.csv", new, seen, scene_of)
    with pytest.raises(AscError, match="the teacher toy_sa@1 has no member .* on 15 of them"):
        train(table, "dataset=table", "distil.teachers=[toy_sa]", folds=[1])


def split_of(root: Path) -> tuple[list[str], list[str]]:
    """What fold 1 tests, and what it is trained on."""
    tests = (root / "evaluation_setup/fold1_test.txt").read_text().split()
    return tests, [name for name in scenes(root) if name not in tests]


def as_table(path: Path, trained: list[str], tested: list[str], scene_of: list[str]) -> Path:
    rows = [f"{file},{s},train" for file, s in zip(trained, scene_of, strict=True)]
    rows += [f"{file},{s},test" for file, s in zip(tested, scene_of, strict=True)]
    path.write_text("\n".join(["file,label,split", *rows]) + "\n")
    return path


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("toy_mfcc_gmm", "distil: the model gmm fits itself, to labels alone"),
        ("yt8m_toy_lstm", "distil: yt8m_toy is a stream of shards"),
    ],
)
def test_recipes_that_cannot_learn_from_teachers_are_refused(name: str, message: str) -> None:
    with pytest.raises(AscError, match=message):
        recipe.load(name, ["distil.teachers=[toy_lstm]"])


def test_a_teacher_of_other_scenes_is_refused(taught: Path, tmp_path: Path, toy_root: Path) -> None:
    names = sorted(scenes(toy_root))
    (tmp_path / "toy").symlink_to(toy_root)
    rows = [f"toy/{n},{'ab'[i % 2]},{1 + i % 3}" for i, n in enumerate(names)]
    (tmp_path / "table.csv").write_text("\n".join(["file,label,fold", *rows]) + "\n")
    with pytest.raises(AscError, match="toy_lstm@1 has other scenes than table: a is not in both"):
        train(tmp_path / "table.csv", "dataset=table", folds=[1])
    with pytest.raises(AscError, match="distil.teachers: unknown model 'toy_lsm'"):
        train(toy_root, "distil.teachers=[toy_lsm]")
