"""What SFT and RL share around their losses: one TrainingRun, tried on a model of two numbers."""

import copy
import json
import signal
from dataclasses import replace

import pytest
import torch
from torch import nn

from atp_lite.engine.log import read_metrics
from atp_lite.engine.run import TrainingRun, check_disjoint
from atp_lite.engine.settings import RunSettings

SETTINGS = RunSettings(lr=0.1, final_lr=1.0, eval_every=2, trackers=(), weight_decay=0.01, grad_clip=1e9)


class Line(nn.Module):
    """y = a x + b."""

    def __init__(self) -> None:
        super().__init__()
        self.a, self.b = nn.Parameter(torch.tensor(1.0)), nn.Parameter(torch.tensor(0.0))
        self.device = torch.device("cpu")

    def forward(self, x: float) -> torch.Tensor:
        return self.a * x + self.b


class Owner:
    """As much of a planner as a run asks for."""

    def __init__(self, model: Line | None = None) -> None:
        self.model = Line() if model is None else model

    def with_model(self, model: Line) -> "Owner":
        return Owner(model)

    def unsharded_copy(self) -> "Owner":
        return self

    def save_pretrained(self, folder) -> None:
        (folder / "a.json").write_text(json.dumps(self.model.a.item()))


def train(folder, owner, total=4, resume=False, settings=SETTINGS, at=None, accuracies=(), **kwargs) -> TrainingRun:
    """Steps towards y(2) = 0, two micro-batches each; Ctrl-C in the middle of step `at`."""
    with TrainingRun(folder, settings, owner, total, resume, **kwargs) as run:
        for step in run.steps():
            update = run.update(owner.model(x).square() for x in (2.0, torch.randn((), generator=run.generator)))
            if step == at:
                signal.raise_signal(signal.SIGINT)
            run.finish_step(tokens=3)
            run.log(loss=update.loss.item())
            if run.due(settings.eval_every):
                run.validate({"accuracy": accuracies[step]} if accuracies else {"accuracy": 0.5}, sigma=0.25)
                run.save_state()
    return run


def test_an_update_is_one_adamw_step_along_the_sum_of_the_micro_batches(tmp_path):
    owner, other = Owner(), Line()
    with TrainingRun(tmp_path, SETTINGS, owner, 1) as run:
        for _ in run.steps():
            update = run.update([owner.model(2.0).square(), owner.model(-1.0).square()])
            run.finish_step()
    optimizer = torch.optim.AdamW(other.parameters(), 0.1, weight_decay=0.01)
    (other(2.0).square() + other(-1.0).square()).backward()
    optimizer.step()
    assert update.loss.item() == 5.0  # 2^2 + (-1)^2
    assert update.grad_norm.item() == pytest.approx((10**2 + 2**2) ** 0.5)  # 2 (2 * 2 + 1), 2 (2 - 1)
    assert (owner.model.a.item(), owner.model.b.item()) == pytest.approx((other.a.item(), other.b.item()))


def test_an_interrupted_run_is_resumed_bit_for_bit(tmp_path):
    whole, cut, resumed = Owner(), Owner(), Owner()
    train(tmp_path / "whole", whole, total=5, ema=0.5)
    with pytest.raises(KeyboardInterrupt):
        train(tmp_path / "cut", cut, total=5, ema=0.5, at=2)
    assert not (tmp_path / "cut/last").exists()
    assert json.loads((tmp_path / "cut/state/progress.json").read_text())["step"] == 3, "the step is taken whole"
    run = train(tmp_path / "cut", resumed, total=5, resume=True, ema=0.5)
    assert torch.equal(whole.model.a, resumed.model.a) and torch.equal(whole.model.b, resumed.model.b)
    assert run.progress["tokens"] == 15
    ours, theirs = (read_metrics(tmp_path / name / "metrics.jsonl") for name in ("whole", "cut"))
    assert [line.get("loss") for line in ours] == [line.get("loss") for line in theirs]
    assert (tmp_path / "whole/last/a.json").read_text() == (tmp_path / "cut/last/a.json").read_text()
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_the_best_is_kept_by_accuracy_and_never_by_weights_that_may_not_be(tmp_path):
    run = train(tmp_path, Owner(), total=6, accuracies=(0, 0.2, 0, 0.6, 0, 0.6))
    lines = [line for line in read_metrics(tmp_path / "metrics.jsonl") if "validation_accuracy" in line]
    assert lines == [{"step": s, "sigma": 0.25, "validation_accuracy": a} for s, a in ((2, 0.2), (4, 0.6), (6, 0.6))]
    best, last = (json.loads((tmp_path / name / "a.json").read_text()) for name in ("best", "last"))
    assert run.progress["best"] == 0.6 and best != last, "the first of two equal ones stays"
    with TrainingRun(tmp_path / "other", SETTINGS, Owner(), 0) as run:
        run.validate({"accuracy": 0.9}, may_be_best=False)
    assert not (tmp_path / "other/best").exists() and run.progress["best"] == -1.0


def test_the_best_can_be_chosen_by_another_metric(tmp_path):
    """Where accuracy is full from the start, it would keep the start."""
    with TrainingRun(tmp_path, replace(SETTINGS, select="arrives"), Owner(), 0) as run:
        for arrives in (0.5, 0.8, 0.7):
            run.validate({"accuracy": 1.0, "arrives": arrives})
        assert run.progress["best"] == 0.8
        with pytest.raises(ValueError, match="select is 'arrives', .* choose from accuracy"):
            run.validate({"accuracy": 1.0})


def test_averaged_weights_are_what_is_validated_and_the_reference_stays(tmp_path):
    owner, seen = Owner(), [1.0]
    with TrainingRun(tmp_path, SETTINGS, owner, 3, ema=0.75, reference=True) as run:
        for _ in run.steps():
            run.update([owner.model(2.0).square()])
            seen.append(owner.model.a.item())
            run.finish_step()
            run.keep(2)
    average = seen[1]  # the first update overwrites the average
    for value in seen[2:]:
        average = 0.75 * average + 0.25 * value
    assert run.evaluated.model.a.item() == pytest.approx(average)
    assert run.reference.a.item() == 1.0 and not run.reference.a.requires_grad
    assert json.loads((tmp_path / "last/a.json").read_text()) == pytest.approx(average)
    assert [folder.name for folder in (tmp_path / "kept").iterdir()] == ["000002"]


def test_the_learning_rate_is_that_of_the_step_and_is_logged(tmp_path):
    settings = replace(SETTINGS, warmup_steps=2, final_lr=0.5, schedule="linear")
    train(tmp_path, Owner(), settings=settings)
    rates = [line["lr"] for line in read_metrics(tmp_path / "metrics.jsonl") if "lr" in line]
    assert rates == pytest.approx([0.05, 0.1, 0.1, 0.05])  # two of warm-up, then from the peak to half of it


def test_a_step_must_be_finished(tmp_path):
    run = TrainingRun(tmp_path, SETTINGS, Owner(), 2)
    with pytest.raises(RuntimeError, match="step 0 was not finished"), run:
        list(run.steps())
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_an_error_leaves_the_saved_state_alone(tmp_path):
    train(tmp_path, Owner())
    before = (tmp_path / "state/progress.json").read_text()
    with pytest.raises(ZeroDivisionError), TrainingRun(tmp_path, SETTINGS, Owner(), 6, resume=True) as run:
        for _ in run.steps():
            run.finish_step()
            raise ZeroDivisionError
    assert (tmp_path / "state/progress.json").read_text() == before


def test_a_resumed_run_has_the_settings_that_it_was_started_with(tmp_path):
    train(tmp_path, Owner())
    with pytest.raises(ValueError, match=r"was started with seed = 0, not 3"):
        train(tmp_path, Owner(), resume=True, settings=replace(SETTINGS, seed=3))
    train(tmp_path, Owner(), total=6, resume=True, settings=replace(SETTINGS, accumulate=2))
    with pytest.raises(FileNotFoundError, match="holds no saved run"):
        train(tmp_path / "nothing", Owner(), resume=True)


def test_settings_and_questions_that_cannot_be_are_refused():
    with pytest.raises(ValueError, match="eval_every is 0: give 1 or more"):
        RunSettings(eval_every=0)
    with pytest.raises(ValueError, match="1 questions are in train and in validation, such as b: remove them"):
        check_disjoint(["a", "b"], ["b", "c"])


def test_copies_start_equal_and_move_apart(tmp_path):
    owner = Owner()
    start = copy.deepcopy(owner.model.state_dict())
    run = train(tmp_path, owner, total=1, ema=0.0)
    assert torch.equal(run.evaluated.model.a, owner.model.a) and not torch.equal(start["a"], owner.model.a)
