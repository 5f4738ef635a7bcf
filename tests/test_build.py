"""A learner's functions in a real run: what is put in is what is called, and nothing is left behind."""

from collections import Counter
from dataclasses import replace

import pytest
import torch

from atp_lite.course import build
from atp_lite.course.build import put_in, reference_run, train
from atp_lite.course.parts import REFERENCE
from atp_lite.domains import ArithmeticSettings, generate
from atp_lite.model import LatentReasoner, distributions, losses
from atp_lite.model.decoders import StepDecoder
from atp_lite.planner import Planner
from atp_lite.recipes import CHECKPOINTS
from atp_lite.rl.registries import ADVANTAGES, ESTIMATORS, REWARDS, Samples
from atp_lite.rl.settings import RLSettings


@pytest.fixture(scope="module")
def planner():
    return Planner.from_pretrained(CHECKPOINTS / "atp-sft")


def places() -> list[object]:
    """What is replaced while a learner's parts are in."""
    return [
        LatentReasoner.think,
        StepDecoder.loss,
        distributions.reparameterise,
        distributions.kl_divergence,
        losses.stop_loss,
        *(dict(registry) for registry in (REWARDS, ADVANTAGES, ESTIMATORS)),
    ]


def batch_losses(planner, stage=3):
    batch = planner.collate(generate(ArithmeticSettings(), "train", {3: 6}), stage)
    terms = planner.model.sft_losses(batch, sample=True, generator=torch.Generator().manual_seed(0))
    gradient = torch.autograd.grad(sum(terms.values()), planner.model.get_input_embeddings().weight)[0]
    return {name: term.item() for name, term in terms.items()} | {"gradient": gradient.norm().item()}


def test_the_packages_own_parts_make_the_packages_losses(planner):
    before, wanted, calls = places(), batch_losses(planner), Counter()
    with put_in(REFERENCE, calls):
        assert batch_losses(planner) == pytest.approx(wanted, rel=1e-4)
    assert calls == {"think": 1, "reparameterise": 3, "kl": 1, "decoder_loss": 1, "stop_loss": 1}
    assert places() == before


@pytest.mark.parametrize(
    ("name", "part", "changed"),
    [
        ("kl", lambda mu, logvar: mu.sum(-1) * 0 + 5.0, {"kl": 5.0}),
        ("stop_loss", lambda logits, stopped, real: logits.sum() * 0 + 6.0, {"stop": 6.0}),
        ("decoder_loss", lambda logits, tokens, real: logits.sum() * 0 + 7.0, {"dec": 7.0}),
    ],
)
def test_a_loss_is_what_the_learners_function_says(planner, name, part, changed):
    wanted = batch_losses(planner) | changed
    with put_in({**REFERENCE, name: part}, Counter()):
        found = batch_losses(planner)
    del wanted["gradient"], found["gradient"]
    assert found == pytest.approx(wanted, rel=1e-4)


def test_latents_are_what_the_learners_functions_make(planner):
    problems = generate(ArithmeticSettings(), "train", {2: 4})
    lengths = torch.full((4,), 2)

    def constant(imagine, read, hidden, n):
        return torch.stack([0 * imagine(hidden) + read(hidden).mean() * 0 + t for t in range(n)], 1)

    with put_in({**REFERENCE, "think": constant}, Counter()), torch.no_grad():
        assert planner.think(problems, lengths=lengths).latents[..., 0].tolist() == [[0, 1]] * 4
    with put_in({**REFERENCE, "reparameterise": lambda mu, logvar, eps: 0 * mu + 3}, Counter()), torch.no_grad():
        assert bool((planner.think(problems, lengths=lengths, sample=True).latents == 3).all())


def test_rows_that_stop_by_themselves_are_left_to_the_package(planner):
    problems, calls = generate(ArithmeticSettings(), "test", {2: 2, 3: 2}), Counter()
    wanted = planner.reason(problems)
    with put_in(REFERENCE, calls):
        assert planner.reason(problems).answers == wanted.answers
    assert calls["think"] == 0


def test_the_estimator_is_the_packages_while_nothing_has_changed(planner):
    tries = planner.reason(
        generate(ArithmeticSettings(), "test", {3: 2}), sample=True, group_size=4,
        generator=torch.Generator().manual_seed(0), temperature=1.0,
    )  # fmt: skip
    gain = torch.tensor([1.0, -1.0, 0.5, -0.5] * 2)
    model = planner.model.eval()
    weights = [model.latent_head.mean.weight]
    with put_in(REFERENCE, Counter()):
        ours, theirs = (ESTIMATORS[name](model, Samples(tries, gain), RLSettings()) for name in ("mine", "decoder"))
        a, b = (torch.autograd.grad(estimate.loss, weights, retain_graph=True) for estimate in (ours, theirs))
    assert ours.stats["ratio"] == pytest.approx(1.0, abs=1e-3)
    for one, two in zip(a, b, strict=True):
        assert torch.allclose(one, two, atol=1e-5)


def test_everything_is_as_it_was_after_a_part_has_raised(planner):
    before = places()

    def breaks(mu, logvar):
        raise ZeroDivisionError("mine")

    with pytest.raises(ZeroDivisionError, match="mine"), put_in({**REFERENCE, "kl": breaks}, Counter()):
        batch_losses(planner)
    assert places() == before


def test_nothing_is_trained_with_a_part_that_is_wrong(capsys, monkeypatch):
    monkeypatch.setattr(build, "run", lambda mine: pytest.fail("trained"))
    assert train({"kl": lambda mu, logvar: mu.sum(-1), "verify": None}) is None
    printed = capsys.readouterr().out.splitlines()
    assert printed[0].startswith("kl             Called with ") and printed[0].endswith("is not right.")
    assert printed[1] == "verify         There is no answer yet: put yours in the place of None."
    assert printed[2] == "Nothing was trained: 2 of 2 parts are not right yet."
    assert train({"verify": None}, check=False) is None, "there is nothing to put in"
    with pytest.raises(ValueError, match="no part is called thinks: choose from think, "):
        train({"thinks": None})


def test_what_the_package_reached_is_shown_alone():
    found = reference_run()
    assert found.imitated < build.SHARE <= found.planned and found.reached
    loss, share = found.figure().data
    assert loss.name == share.name == "the package's parts" and len(share.y) == build.PLANNING["iterations"]
    assert (loss.x[0], loss.x[-1]) == (build.IMITATION.log_every, *build.IMITATION.stage_steps)
    assert f"{found.planned:.0%} after" in found.figure().layout.annotations[0].text


@pytest.mark.slow
def test_a_run_calls_every_part_and_says_what_came_of_it(capsys, monkeypatch):
    short = replace(build.IMITATION, stage_steps=(2,), log_every=1, warmup_steps=1)
    few = {**build.PLANNING, "iterations": 2, "questions": 4, "group_size": 4}
    whole = build.run
    monkeypatch.setattr(build, "run", lambda mine: whole(mine, short, few))
    found = train({"kl": REFERENCE["kl"]})
    assert set(found.calls) == set(REFERENCE) and found.calls["think"] == 2 and found.calls["surrogate"] == 4
    assert len(found.curve["loss"]) == 2 and len(found.curve["reward"]) == 2 and not found.reached
    printed = capsys.readouterr().out
    assert "kl             right on numbers" in printed and f"calls of your parts: kl {found.calls['kl']}" in printed
    drawn = found.figure().data
    assert [trace.name for trace in drawn] == [*["the package's parts"] * 2, *["yours"] * 2]
    assert drawn[2].y == tuple(round(value, 3) for value in found.curve["loss"]), "the learner's own curve"
