"""What SFT and RL share around their losses: one TrainingRun, tried on a model of two numbers."""

import copy
import json
import math
import multiprocessing
import re
import shutil
import signal
from dataclasses import replace

import pytest
import torch
from accelerate.optimizer import AcceleratedOptimizer
from safetensors.torch import load_file
from torch import nn

from atp_lite.engine.log import read_metrics
from atp_lite.engine.run import TrainingRun, check_disjoint
from atp_lite.engine.settings import NonFiniteError, RunSettings

SETTINGS = RunSettings(lr=0.1, final_lr=1.0, eval_every=2, trackers=(), weight_decay=0.01, grad_clip=1e9)


class Line(nn.Module):
    """y = a x + b, with a weight that is frozen, and others of no use."""

    def __init__(self, a: float = 1.0, frozen: float = 0.0, more: int = 0) -> None:
        super().__init__()
        self.a, self.b = nn.Parameter(torch.tensor(a)), nn.Parameter(torch.tensor(0.0))
        self.frozen = nn.Parameter(torch.tensor(frozen), requires_grad=False)
        self.more = nn.Parameter(torch.zeros(more))
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


def train(folder, owner, total=4, resume=False, settings=SETTINGS, at=None, accuracies=(), ending=signal.SIGINT, **how):
    """Steps towards y(2) = 0, two micro-batches each; Ctrl-C, or another signal, in the middle of step `at`."""
    with TrainingRun(folder, settings, owner, total, resume, **how) as run:
        for step in run.steps():
            update = run.update(owner.model(x).square() for x in (2.0, torch.randn((), generator=run.generator)))
            if step == at:
                signal.raise_signal(ending)
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


@pytest.mark.slow
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
    for name in ("settings.json", "fingerprint.json"):
        (tmp_path / name).unlink()  # as in a folder of an older version
    train(tmp_path, Owner(), total=8, resume=True)


@pytest.mark.parametrize(
    "change, what",
    [
        (dict(fingerprint={"questions": "b"}), "questions = a, not b"),
        (dict(owner=lambda: Owner(Line(a=2.0))), "first weights = "),
        (dict(owner=lambda: Owner(Line(more=1))), "shapes of the model = "),
        (dict(owner=lambda: Owner(Line(frozen=2.0))), "frozen weights = "),
    ],
)
def test_a_folder_belongs_to_one_run(tmp_path, change, what):
    how = dict(owner=Owner, fingerprint={"questions": "a"})

    def go_on(owner, **more):
        return train(tmp_path, owner(), resume=True, **more)

    go_on(**how)  # there is nothing to go on with: it begins
    before = {path: path.read_bytes() for path in tmp_path.rglob("*.json*")}
    with pytest.raises(ValueError, match=f"was started with {what}.*another folder"):
        go_on(**(how | change))
    assert {path: path.read_bytes() for path in tmp_path.rglob("*.json*")} == before
    assert go_on(**how).done == 4


def test_weights_that_think_nothing_finite_are_never_the_best(tmp_path):
    run = TrainingRun(tmp_path, SETTINGS, Owner(), 4)
    with pytest.raises(NonFiniteError, match="step 1: sigma of the validation is nan"), run:
        run.validate({"accuracy": 0.5}, sigma=math.nan)
    assert not (tmp_path / "best").exists()


@pytest.mark.parametrize("cut", [False, True])
def test_a_run_is_not_overwritten_unless_that_is_asked_for(tmp_path, cut):
    if cut:
        with pytest.raises(KeyboardInterrupt):
            train(tmp_path, Owner(), at=2)
    else:
        train(tmp_path, Owner(), accuracies=(0, 0.9, 0, 0.1))
    before = {path: path.read_bytes() for path in tmp_path.rglob("*.json*")}
    with pytest.raises(
        ValueError, match=f"a run that {'was cut off' if cut else 'has ended'}.*--resume.*--restart.*--out"
    ):
        train(tmp_path, Owner())
    assert {path: path.read_bytes() for path in tmp_path.rglob("*.json*")} == before
    run = train(tmp_path, Owner(Line(a=3.0)), total=2, restart=True, settings=replace(SETTINGS, seed=5))
    assert run.progress["best"] == 0.5 and json.loads((tmp_path / "settings.json").read_text())["seed"] == 5
    assert [line["step"] for line in read_metrics(tmp_path / "metrics.jsonl") if "loss" in line] == [1, 2]


def test_last_weights_without_a_state_are_not_gone_on_with(tmp_path):
    train(tmp_path, Owner())
    shutil.rmtree(tmp_path / "state")
    with pytest.raises(ValueError, match="holds last/ without the state"):
        train(tmp_path, Owner(), resume=True)


def test_two_processes_do_not_train_in_one_folder(tmp_path):
    with TrainingRun(tmp_path, SETTINGS, Owner(), 0):
        with pytest.raises(ValueError, match="another process is training there"):
            TrainingRun(tmp_path, SETTINGS, Owner(), 0, resume=True)
        TrainingRun(tmp_path / "other", SETTINGS, Owner(), 0)
    TrainingRun(tmp_path, SETTINGS, Owner(), 0, resume=True)


@pytest.mark.slow
def test_a_folder_is_free_after_a_run_whose_worker_still_lives(tmp_path):
    with TrainingRun(tmp_path, SETTINGS, Owner(), 0):
        worker = multiprocessing.get_context("fork").Process(target=signal.pause)
        worker.start()
    try:
        train(tmp_path, Owner(), resume=True)
    finally:
        worker.kill()
        worker.join()


@pytest.mark.parametrize("ending", [signal.SIGTERM, signal.SIGHUP])
def test_signals_that_end_a_process_save_the_run(tmp_path, ending):
    before = signal.signal(ending, signal.SIG_DFL)
    try:
        with pytest.raises(KeyboardInterrupt):
            train(tmp_path, Owner(), at=2, ending=ending)
        assert json.loads((tmp_path / "state/progress.json").read_text())["step"] == 3
        assert signal.getsignal(ending) == signal.SIG_DFL
        signal.signal(ending, signal.SIG_IGN)  # as nohup does
        assert train(tmp_path, Owner(), at=2, ending=ending, restart=True).done == 4
    finally:
        signal.signal(ending, before)


@pytest.mark.parametrize("how, saved", [(dict(save_every=3), [3, 6]), (dict(save_minutes=1e-9), [1, 2, 3, 4, 5, 6, 7])])
def test_states_are_saved_by_steps_and_by_the_clock(tmp_path, how, saved):
    steps = []
    with TrainingRun(tmp_path, replace(SETTINGS, **how), Owner(), 7) as run:
        save = run.save_state
        run.save_state = lambda: steps.append(run.done) or save()
        for _ in run.steps():
            run.update([run.model(2.0).square()])
            run.finish_step()
    assert steps == saved + ([] if saved[-1] == 7 else [7])


def test_settings_and_questions_that_cannot_be_are_refused():
    with pytest.raises(ValueError, match="eval_every is 0: give 1 or more"):
        RunSettings(eval_every=0)
    with pytest.raises(ValueError, match="1 questions are in train and in validation, such as b: remove them"):
        check_disjoint(["a", "b"], ["b", "c"])


def poisoned(owner, at, values, what="loss"):
    """Losses of a run's steps, with a value that is not finite at step `at`: in the loss, or only in its gradient."""

    class Infinite(torch.autograd.Function):
        @staticmethod
        def forward(context, x):
            return x.clone()

        @staticmethod
        def backward(context, gradient):
            return gradient * values

    def loss(step):
        y = owner.model(2.0).square()
        if step != at:
            return y
        return y * values if what == "loss" else Infinite.apply(y)

    return loss


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
@pytest.mark.parametrize("what", ["loss", "gradient"])
def test_what_is_not_finite_stops_the_run_before_anything_of_it_is_saved(tmp_path, value, what):
    owner = Owner()
    loss = poisoned(owner, 3, value, what)
    name, kl = ("loss_kl", value) if what == "loss" else ("the gradient", 0.0)
    message = rf"^step 4: {name} is (nan|inf).*best and .*state.*on-nonfinite skip"
    run = TrainingRun(tmp_path, SETTINGS, owner, 6, ema=0.5)
    with pytest.raises(NonFiniteError, match=message) as error, run:
        for step in run.steps():
            run.update([loss(step)], {"enc": torch.tensor(1.0), "kl": torch.tensor(kl if step == 3 else 0.0)})
            run.finish_step()
            run.save_state()
            run.validate({"accuracy": 0.1 * step})
            kept = owner.model.a.item(), owner.model.b.item()
    assert "\n" not in str(error.value) and (owner.model.a.item(), owner.model.b.item()) == kept
    assert not (tmp_path / "last").exists()
    resumed = TrainingRun(tmp_path, SETTINGS, Owner(), 6, resume=True, ema=0.5)
    assert (resumed.model.a.item(), resumed.model.b.item(), resumed.done) == (*kept, 3)


@pytest.mark.parametrize("what", ["loss", "gradient"])
def test_steps_that_are_not_finite_can_be_left_out_and_are_counted(tmp_path, what):
    owner, other = Owner(), Line()
    settings, loss = replace(SETTINGS, on_nonfinite="skip"), poisoned(owner, 1, float("nan"), what)
    with TrainingRun(tmp_path, settings, owner, 3) as run:
        for step in run.steps():
            run.update([loss(step)])
            run.finish_step()
            run.log()
    optimizer = torch.optim.AdamW(other.parameters(), 0.1, weight_decay=0.01)
    for _ in range(2):
        optimizer.zero_grad()
        other(2.0).square().backward()
        optimizer.step()
    assert (owner.model.a.item(), owner.model.b.item()) == pytest.approx((other.a.item(), other.b.item()))
    assert [line.get("skipped") for line in read_metrics(tmp_path / "metrics.jsonl")] == [None, 1, 1]


def test_a_step_that_is_left_out_in_float16_is_over_for_the_scaler_of_gradients_too(tmp_path):
    owner = Owner()
    settings, loss = replace(SETTINGS, on_nonfinite="skip"), poisoned(owner, 1, float("nan"))
    with TrainingRun(tmp_path, settings, owner, 3) as run:
        scaler = torch.amp.GradScaler("cpu", init_scale=8.0)  # as accelerate's with mixed precision fp16
        run.accelerator.scaler = scaler
        run.optimizer = AcceleratedOptimizer(run.optimizer.optimizer, device_placement=False, scaler=scaler)
        run.accelerator.unscale_gradients = lambda optimizer=None: scaler.unscale_(run.optimizer.optimizer)
        scales, weights = [], []
        for step in run.steps():
            run.update([loss(step)])
            run.finish_step()
            scales.append(scaler.get_scale())
            weights.append(owner.model.a.item())
    assert scales == [8.0, 4.0, 4.0] and weights[0] == weights[1] != weights[2]


@pytest.mark.parametrize("action", ["stop", "skip"])
def test_weights_that_overflow_stop_the_run(tmp_path, action):
    settings = replace(SETTINGS, lr=3e38, weight_decay=10.0, on_nonfinite=action)
    with pytest.raises(NonFiniteError, match=r"step 1: a weight is .*Nothing had been saved before"):
        train(tmp_path, Owner(), settings=settings)
    assert not any((tmp_path / name).exists() for name in ("state", "best", "last"))


def test_a_state_that_is_not_finite_is_not_saved(tmp_path):
    with TrainingRun(tmp_path, SETTINGS, Owner(), 1) as run:
        for _ in run.steps():
            run.update([run.model(2.0).square()])
            run.finish_step()
        run.save_state()
        run.optimizer.state[run.model.a]["exp_avg_sq"].fill_(float("inf"))
        with pytest.raises(NonFiniteError, match="optimizer/0/exp_avg_sq"):
            run.save_state()
    assert load_file(tmp_path / "state/state.safetensors")["optimizer/0/exp_avg_sq"].isfinite()


@pytest.mark.parametrize(
    "change, problem",
    [
        (dict(lr=-1.0), "lr is -1.0: give a number in [0, inf)"),
        (dict(lr=float("inf")), "lr is inf"),
        (dict(final_lr=float("nan")), "final_lr is nan"),
        (dict(warmup_steps=-5), "warmup_steps is -5"),
        (dict(grad_clip=0.0), "grad_clip is 0.0: give a number in (0, inf)"),
        (dict(weight_decay=-0.1), "weight_decay is -0.1"),
        (dict(betas=(0.9, 1.0)), "betas is (0.9, 1.0): give a number in [0, 1)"),
        (dict(accumulate=0), "accumulate is 0"),
        (dict(seed=-1), "seed is -1"),
    ],
)
def test_every_setting_is_checked_for_its_range(change, problem):
    with pytest.raises(ValueError, match=re.escape(problem)):
        replace(SETTINGS, **change)


def test_copies_start_equal_and_move_apart(tmp_path):
    owner = Owner()
    start = copy.deepcopy(owner.model.state_dict())
    run = train(tmp_path, owner, total=1, ema=0.0)
    assert torch.equal(run.evaluated.model.a, owner.model.a) and not torch.equal(start["a"], owner.model.a)
