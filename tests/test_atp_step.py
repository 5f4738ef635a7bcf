"""A posterior that sees the step: its losses one question at a time, its labels by hand, its thoughts typed."""

import math
import random
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from small import PROBLEMS, Reads, hidden_after, lively_planner, tiny_planner
from small_lms import tiny_lm
from test_baselines import naive_language
from test_sft import assert_same_run, naive_cross_entropy
from torch.distributions import Independent, Normal, kl_divergence
from torch.nn import functional as F

from atp_lite.domains import DOMAINS, read_expression
from atp_lite.engine.lora import LoRASettings, add_lora, merge_lora
from atp_lite.engine.pretrained import BackboneSettings
from atp_lite.methods import METHODS
from atp_lite.methods.atp_step import ATP_STEP, losses
from atp_lite.model import Gaussian, LatentHead, Mixture
from atp_lite.planner import Planner
from atp_lite.rl import RLSettings, train_rl
from atp_lite.sft import BatchPlan, SFTSettings, train_sft
from atp_lite.sft.loading import StepData, counterfactual_labels

LONGEST = 3
VALIDATION = [read_expression("5+6"), read_expression("(1+2)*3")]
SETTINGS = SFTSettings(
    method="atp-step", first_stage=LONGEST, stage_steps=(6,), batch_size=4, eval_every=3, warmup_steps=1, lr=1e-2
)


def started(c: int = 1, **changes) -> Planner:
    start = tiny_planner(c, **changes) if changes else lively_planner(c)
    return METHODS["atp-step"].start(start, LONGEST)


def normal(one) -> Independent:
    return Independent(Normal(one.mu, (0.5 * one.logvar).exp()), 1)


def posterior_by_hand(planner: Planner, text: str) -> tuple[torch.Tensor, torch.Tensor]:
    """Mean and log-variance (c, d) of one step: the embeddings of its words and of the end, side by side, and zeros."""
    model, encoder = planner.model, planner.model.step_encoder
    ids = [*planner.tokenizer(text, add_special_tokens=False)["input_ids"], model.config.eos_id]
    words = torch.zeros(encoder.tokens, 32)
    words[: len(ids)] = model.get_input_embeddings().weight[ids]
    features = encoder.trunk(encoder.first(words.flatten()))
    logvar = encoder.log_variance(features).clamp(-6, 2)
    return encoder.mean(features).reshape(-1, 32), logvar.reshape(-1, 32)


# --- the losses ---


def naive_losses(planner: Planner, problem, replaced: int | None = None) -> dict[str, tuple[float, int]]:
    """(sum, count) of each term of one problem, latents at the posterior's means, nothing padded."""
    model, c = planner.model, planner.model.config.latents_per_step
    (row,) = planner.collate.encode([problem])
    means, logvars = zip(*(posterior_by_hand(planner, text) for text in problem.steps), strict=True)
    latents = torch.cat(means)  # (T, d)
    inputs = torch.cat([model.embed(torch.tensor([row.question])), latents[None]], 1)
    hidden = hidden_after(model.backbone, inputs)[len(row.question) - 1 : -1]  # h_1 .. h_T
    free = [t for t in range(len(latents)) if replaced is None or t // c != replaced]
    q = Independent(Normal(latents[free], (0.5 * torch.cat(logvars)[free]).exp()), 1)
    prior = model.latent_head(hidden)[free]
    ends = torch.zeros(len(latents))
    ends[-1] = 1.0
    stop = F.binary_cross_entropy_with_logits(model.stop_head(hidden)[free], ends[free], reduction="sum")
    eos, dec, dec_prior, tokens = model.config.eos_id, 0.0, 0.0, 0
    said = model.latent_head(hidden)
    for i, (mean, step) in enumerate(zip(means, row.steps, strict=True)):
        dec += naive_cross_entropy(model.decoder.lm, model.decoder.bridge(mean[None]), [*step, eos])
        if i != replaced:
            components = said.means if isinstance(said, Mixture) else said.mu[:, None]  # (T, K, d)
            likelihood = 0.0
            for k in range(components.shape[1]):
                own = components[i * c : (i + 1) * c, k]
                weight = said.log_weights[i * c : (i + 1) * c, k].sum().exp() if isinstance(said, Mixture) else 1.0
                nats = naive_cross_entropy(model.decoder.lm, model.decoder.bridge(own[None]), [*step, eos])
                likelihood += float(weight) * math.exp(-nats)
            dec_prior, tokens = dec_prior - math.log(likelihood), tokens + len(step) + 1
    kl = (
        q.log_prob(latents[free]) - prior.log_prob(latents[free])
        if isinstance(prior, Mixture)
        else kl_divergence(q, normal(prior))
    ).sum()
    return {
        "enc": naive_language(planner, problem, inputs, LONGEST),
        "dec": (dec, sum(len(step) + 1 for step in row.steps)),
        "dec_prior": (dec_prior, tokens),
        "stop": (float(stop), len(free)),
        "prior": (float(kl), len(free)),
        "kl": (float(kl), len(free)),
    }


@pytest.mark.parametrize("c", [1, 2])
@pytest.mark.parametrize("head", ["gaussian", "mixture"])
@pytest.mark.parametrize("replaced", [None, 1])
@pytest.mark.slow
def test_losses_are_those_of_one_question_at_a_time(c, head, replaced):
    planner = started(c) if head == "gaussian" else started(c, latent_head=head)
    problems = PROBLEMS if replaced is None else [p for p in PROBLEMS if len(p.steps) > 1]
    rows = [replace(row, replaced=replaced) for row in planner.collate.encode(problems)]
    assert len({len(row.steps) for row in rows}) > 1
    with torch.no_grad():
        found = losses(planner, rows, LONGEST, False, torch.Generator())
        alone = [naive_losses(planner, problem, replaced) for problem in problems]
    for name, value in found.items():
        total, count = (sum(part) for part in zip(*(one[name] for one in alone), strict=True))
        assert value.item() == pytest.approx(total / count, rel=1e-4), name


def test_a_batch_is_one_pass_over_question_latents_and_language():
    planner = started()
    rows = planner.collate.encode(PROBLEMS[2:4])  # three steps each
    for count in (1, 3):
        some = [replace(row, steps=row.steps[:count]) for row in rows]
        with Reads(planner.model.backbone) as shapes:
            losses(planner, some, LONGEST, True, torch.Generator())
        language = planner.collate(some, LONGEST).language.shape[1] - 1
        assert shapes == [(2, max(len(row.question) for row in rows) + count + language)], "whatever T is"


def test_latents_are_drawn_from_the_posterior_and_the_gradient_flows_through_them():
    planner = started()
    rows = planner.collate.encode(PROBLEMS[:1])
    mean, logvar = posterior_by_hand(planner, "3+4=7")
    eps = torch.randn(1, 1, 32, generator=torch.Generator().manual_seed(5))
    seen = []
    handle = planner.model.decoder.bridge.register_forward_pre_hook(lambda _, given: seen.append(given[0]))
    terms = losses(planner, rows, LONGEST, True, torch.Generator().manual_seed(5))
    handle.remove()
    torch.testing.assert_close(seen[0][0, 0], mean + (0.5 * logvar).exp() * eps[0])
    terms["enc"].backward()
    assert planner.model.step_encoder.first.weight.grad.abs().sum() > 0, "the answer teaches the encoder what to say"
    assert planner.model.latent_head.mean.weight.grad is None, "and asks nothing of the prior"


def test_what_teaches_the_prior_leaves_the_posterior_alone_and_the_other_way_round():
    """Of a single thought, whose prior has read the question only."""
    planner = started()
    rows = planner.collate.encode(PROBLEMS[:1])
    for term, learns, rests in (("prior", "latent_head", "step_encoder"), ("kl", "step_encoder", "latent_head")):
        planner.model.zero_grad()
        losses(planner, rows, LONGEST, True, torch.Generator())[term].backward()
        grads = [getattr(planner.model, part).mean.weight.grad for part in (learns, rests)]
        assert grads[0].any() and (grads[1] is None or not grads[1].any())


def test_a_batch_in_which_nothing_can_be_predicted_teaches_answer_and_text():
    planner = started()
    rows = [replace(row, replaced=0) for row in planner.collate.encode(PROBLEMS[:1])]
    terms = losses(planner, rows, LONGEST, True, torch.Generator())
    assert {name for name, term in terms.items() if term} == {"enc", "dec"}
    bare = planner.collate.encode([replace(PROBLEMS[0], steps=())])
    assert losses(planner, bare, LONGEST, True, torch.Generator())["kl"] == 0


# --- counterfactual labels ---


class Told(random.Random):
    """Draws these numbers, one after the other."""

    def __init__(self, *numbers: int) -> None:
        super().__init__()
        self.numbers = list(numbers)

    def randint(self, low: int, high: int) -> int:
        return self.numbers.pop(0)


@pytest.mark.parametrize(
    ("question", "order", "place", "put", "steps", "answer"),
    [
        ("(3+4)*(9-2)", (0, 1, 2), 0, (1, 2), ("1+2=3", "9-2=7", "3*7=21"), "21"),
        ("(3+4)*(9-2)", (1, 0, 2), 0, (8, 3), ("8-3=5", "3+4=7", "7*5=35"), "35"),  # 9-2 comes first
        ("(3+4)*(9-2)", (0, 1, 2), 1, (8, 3), ("3+4=7", "8-3=5", "7*5=35"), "35"),
        ("(3+4)*(9-2)", (0, 1, 2), 2, (2, 3), ("3+4=7", "9-2=7", "2*3=6"), "6"),
        ("(2+3)*(2+3)", (0, 1), 0, (1, 3), ("1+3=4", "4*4=16"), "16"),  # worked out once, used twice
        ("7*(3+4)", (0, 1), 0, (1, 1), ("1+1=2", "7*2=14"), "14"),  # the 7 of the question stays
    ],
)
def test_what_follows_is_worked_out_from_the_step_that_was_put_in(question, order, place, put, steps, answer):
    domain, problem = DOMAINS["arithmetic"], read_expression(question)
    problem = replace(problem, steps=tuple(problem.steps[i] for i in order))
    assert domain.counterfactual(problem, Told(*put), place) == (place, replace(problem, steps=steps, answer=answer))


def test_steps_that_change_nothing_or_leave_the_range_are_drawn_again():
    domain, problem = DOMAINS["arithmetic"], read_expression("(3+4)*(9-2)")
    found = domain.counterfactual(problem, Told(2, 5, 9, 9, 1, 2), 0)  # 7 as before; 18*7 is above 49; 1+2
    assert found[1].steps == ("1+2=3", "9-2=7", "3*7=21")
    assert domain.counterfactual(problem, Told(*[2, 5] * 20), 0) is None
    assert domain.counterfactual(replace(problem, steps=problem.steps[:2]), random.Random(0)) is None, "no right chain"
    assert domain.counterfactual(replace(problem, question="?"), random.Random(0)) is None
    with pytest.raises(ValueError, match="no counterfactual: define it"):
        DOMAINS["word-problems"].counterfactual(problem, random.Random(0))


@pytest.mark.parametrize("name", ["arithmetic", "stories", "routes"])
def test_counterfactual_chains_hold(name):
    """Every step is right, the steps before are the label's, and the answer is the last result."""
    domain = DOMAINS[name]
    settings = domain.default_settings()
    problems = domain.generate(settings, "validation", {2: 20, 3: 20, 4: 20})
    places, made = set(), 0
    for seed, problem in enumerate(problems):
        found = domain.counterfactual(problem, random.Random(seed))
        assert found == domain.counterfactual(problem, random.Random(seed))
        if found is None:
            continue
        place, other = found
        made, places = made + 1, places | {place}
        steps = [domain.read_step(text) for text in other.steps]
        assert all(step.is_right for step in steps) and other.question == problem.question
        assert other.steps[:place] == problem.steps[:place] and other.steps[place] != problem.steps[place]
        if name == "routes":
            assert domain.verify(problem, other.steps).arrives
            there = f"{problem.question.rpartition(': ')[0]}: {steps[place].end} to {problem.answer}"
            rest = domain.verify(replace(problem, question=there), other.steps[place + 1 :])
            assert rest.is_right, "a shortest route from there"
        else:
            assert domain.is_right(other.answer, str(steps[-1].rhs)) and len(steps) == len(problem.steps)
            before, after = ([domain.step_kind(text) for text in chain.steps] for chain in (problem, other))
            assert before == after, "the same operators"
    assert made > 45 and places >= {0, 1, 2}


def test_a_share_of_the_labels_is_replaced_by_seed_and_step_alone():
    planner = started()
    rows = planner.collate.encode(PROBLEMS * 20)
    domain = planner.domain
    make = lambda step, **how: counterfactual_labels(  # noqa: E731
        rows, step, replace(SETTINGS, **({"counterfactual": 0.5} | how)), domain, planner.collate
    )
    assert make(0, counterfactual=0.0) is rows
    made = make(3)
    assert made == make(3) != make(4) and made != make(3, seed=1)
    changed = [(row, old) for row, old in zip(made, rows, strict=True) if row.replaced is not None]
    assert 40 < len(changed) < 100 and all(row.question == old.question for row, old in changed)
    batch = planner.collate([row for row, _ in changed], LONGEST)
    assert batch.replaced.sum(1).tolist() == [1] * len(changed)
    assert batch.replaced.int().argmax(1).tolist() == [row.replaced for row, _ in changed]
    assert not planner.collate(rows, LONGEST).replaced.any()


def test_the_loader_replaces_labels():
    planner = started()
    settings = replace(SETTINGS, counterfactual=1.0)
    plan = BatchPlan(planner.collate.encode(PROBLEMS), 4, 0, bucket=1)
    data = StepData(plan, settings, planner.domain, planner.collate, range(4), 1, collate_ahead=False)
    assert data[4][0] == data[4][1][0] != plan.batch(4)
    for name, value in (("counterfactual", 1.5), ("exposure", -0.1)):
        with pytest.raises(ValueError, match=f"{name} is {value}: give a number in .0, 1."):
            replace(SETTINGS, **{name: value})
    with pytest.raises(ValueError, match="settings of atp-step"):
        SFTSettings(counterfactual=0.5)


# --- exposure ---


def test_exposure_begins_when_it_is_told_to():
    settings = replace(SETTINGS, exposure=0.5, exposure_from=0.5)
    assert [settings.exposure_at(step) for step in range(6)] == [0.0, 0.0, 0.0, 0.5, 0.5, 0.5]
    assert ATP_STEP.exposed(0.0) is ATP_STEP
    assert ATP_STEP.exposed(0.5).losses.keywords == {"exposure": 0.5}


@pytest.mark.parametrize("head", ["gaussian", "mixture"])
def test_exposed_thoughts_are_the_priors_versions_of_the_labels_steps(head):
    """All of them, but for the one that was replaced: half drawn, half at the mean; targets stay the label's."""
    planner = started(latent_head=head)
    model = planner.model
    rows = [replace(row, replaced=1) for row in planner.collate.encode(PROBLEMS[2:5])]  # three steps each
    fed, texts = [], []
    with pytest.MonkeyPatch.context() as patch:
        told = model.teacher_forced
        patch.setattr(type(model), "teacher_forced", lambda _, *given: fed.append(given[2]) or told(*given))
        bridge = model.decoder.bridge.register_forward_pre_hook(lambda _, given: texts.append(given[0]))
        ATP_STEP.exposed(1.0).losses(planner, rows, LONGEST, True, torch.Generator().manual_seed(1))
        bridge.remove()
    label, own = fed  # (B, T, d)
    assert torch.equal(own[:, 1], label[:, 1])
    assert torch.equal(texts[0].flatten(), label.flatten()), "the decoder still learns to read the label's"
    batch = planner.collate(rows, LONGEST)
    with torch.no_grad():
        mask = torch.ones(3, 3, dtype=torch.bool)
        hidden, _ = told(batch.question, batch.question_mask, label, mask, batch.language[:, :1], mask[:, :1])
        said, posterior = model.latent_head(hidden), model.encode_steps(batch.steps, batch.steps_mask).mean
        at_mode = 0
        for row in range(3):
            for t in (0, 2):
                parts = [Gaussian(*pair) for pair in zip(said.means[row, t], said.logvars[row, t], strict=True)] if (
                    head == "mixture") else [said[row, t]]  # fmt: skip
                weights = said.components[0][row, t]
                nearest = max(range(len(parts)), key=lambda k: weights[k] + parts[k].log_prob(posterior[row, t]))
                distance = (own[row, t] - parts[nearest].mu) / parts[nearest].stddev
                exact = torch.allclose(own[row, t], parts[nearest].mu, atol=1e-5)
                at_mode += exact
                assert exact or 0.6 < distance.square().mean() < 1.6, "32 draws of N(0, 1)"
        assert 0 < at_mode < 6


def test_a_mixture_begins_near_the_gaussian_in_its_middle():
    planner = started(latent_head="mixture", latent_head_options={"components": 2})
    hidden = torch.randn(5, 32, generator=torch.Generator().manual_seed(0))
    said, middle = planner.model.latent_head(hidden), LatentHead.forward(planner.model.latent_head, hidden)
    apart = planner.model.latent_head.means(planner.model.latent_head.trunk(hidden)).unflatten(-1, (2, 32))
    torch.testing.assert_close(said.means, middle.mu[:, None] + 0.1 * apart)
    assert said.log_weights.exp().min() > 0.4, "all of them have work to do"


# --- typed thoughts, checkpoints, other backbones ---


def test_a_typed_thought_is_the_mean_of_its_step():
    planner = started(2)
    torch.testing.assert_close(planner.thought("3+4=7"), posterior_by_hand(planner, "3+4=7")[0])
    assert planner.thought("3+4=7").shape == (2, 32) and not planner.thought("3+4=7").requires_grad
    trace = planner.think(PROBLEMS[2:3], lengths=torch.tensor([4]), edits=dict(enumerate(planner.thought("9-2=7"), 1)))
    assert torch.equal(trace.latents[0, :2], planner.thought("9-2=7"))
    with pytest.raises(ValueError, match="no step encoder, so text cannot be turned into a thought: train one"):
        tiny_planner().thought("3+4=7")
    with pytest.raises(ValueError, match="does not know"):
        planner.thought("3+4=x")


@pytest.mark.parametrize("kind", ["places", "pooled"])
def test_an_encoder_reads_order_and_no_padding(kind):
    planner = started(step_encoder=kind)
    model = planner.model
    assert not torch.allclose(planner.thought("7-3=4"), planner.thought("3-7=4"), atol=1e-4)
    short, long = (planner.collate.encode([read_expression(text)])[0].steps[0] for text in ("3+4", "3+40"))
    ids = torch.tensor([[[*short, model.config.eos_id, 5, 6], [*long, model.config.eos_id, 7, 8]]])
    mask = torch.tensor([1, 1, 1, 1, 1, 1, 0, 0]).expand(1, 2, 8)
    torch.testing.assert_close(model.encode_steps(ids, mask).mean[0, 0], planner.thought("3+4=7")[0])


def test_pooled_words_by_hand():
    planner = started(step_encoder="pooled")
    encoder = planner.model.step_encoder
    ids = [*planner.tokenizer("3+4=7", add_special_tokens=False)["input_ids"], planner.model.config.eos_id]
    each = [encoder.first(planner.model.get_input_embeddings().weight[i]) + encoder.place.weight[at]
            for at, i in enumerate(ids)]  # fmt: skip
    features = torch.stack([F.gelu(one) for one in each]).mean(0)
    torch.testing.assert_close(planner.thought("3+4=7")[0], encoder.mean(encoder.trunk(features)))


def test_the_encoder_is_saved_and_a_checkpoint_may_have_none(tmp_path):
    planner = started()
    planner.save_pretrained(tmp_path / "with")
    again = Planner.from_pretrained(tmp_path / "with")
    assert torch.equal(again.thought("3+4=7"), planner.thought("3+4=7"))
    METHODS["atp"].start(again, LONGEST).save_pretrained(tmp_path / "without")
    assert Planner.from_pretrained(tmp_path / "without").model.step_encoder is None
    with pytest.raises(ValueError, match=r"none: make it one with METHODS\['atp-step'\].start"):
        train_sft(tiny_planner(), PROBLEMS[:4], VALIDATION, SETTINGS, tmp_path / "run")


@pytest.mark.slow
def test_an_interrupted_run_goes_on_bit_for_bit(tmp_path):
    settings = replace(SETTINGS, counterfactual=0.5, exposure=0.5, exposure_from=0.3)
    train_sft(started(), PROBLEMS, VALIDATION, settings, tmp_path / "whole")
    from atp_lite.engine.run import TrainingRun

    class Stopped(TrainingRun):
        def finish_step(self, tokens: int = 0) -> None:
            super().finish_step(tokens)
            if self.done == 4:
                raise KeyboardInterrupt

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("atp_lite.sft.loop.TrainingRun", Stopped)
        with pytest.raises(KeyboardInterrupt):
            train_sft(started(), PROBLEMS, VALIDATION, settings, tmp_path / "cut")
    train_sft(started(), PROBLEMS, VALIDATION, settings, tmp_path / "cut", resume=True)
    assert_same_run(tmp_path / "whole", tmp_path / "cut")


def test_parts_of_a_batch_add_up():
    """What has no stop decision and no KL is not counted there, or two processes would learn another loss than one."""
    planner = started()
    encoded = planner.collate.encode(PROBLEMS[1:5])
    rows = [replace(row, replaced=at) for row, at in zip(encoded, (1, None, 0, 2), strict=True)]
    count = lambda part: METHODS["atp-step"].loss_denominators(planner.collate, part, LONGEST)  # noqa: E731
    assert count(rows)["kl"] == count(rows)["prior"] == count(rows)["stop"] == 2 + 3 + 3 + 3 - 3
    with torch.no_grad():
        whole = losses(planner, rows, LONGEST, False, torch.Generator())
        parts = [(losses(planner, part, LONGEST, False, torch.Generator()), part) for part in (rows[:1], rows[1:])]
    for name, value in whole.items():
        added = sum(terms[name] * count(part)[name] / count(rows)[name] for terms, part in parts)
        assert value.item() == pytest.approx(added.item(), rel=1e-5), name


@pytest.mark.parametrize("head", ["gaussian", "mixture"])
@pytest.mark.slow
def test_reinforcement_learning_goes_on_from_it(head, tmp_path):
    planner = started(latent_head=head)
    train_sft(planner, PROBLEMS[:4], VALIDATION, replace(SETTINGS, stage_steps=(2,)), tmp_path / "sft")
    typed = planner.model.step_encoder.mean.weight.clone()
    settings = RLSettings(iterations=2, questions=2, group_size=4, sigma="learned", kl_weight=0.1, ema=0.0,
                          rewards={"chain": 1.0, "length": 1.0})  # fmt: skip
    prior = planner.model.latent_head.trunk[0].weight.clone()
    train_rl(planner, PROBLEMS[:4], VALIDATION, settings, tmp_path / "rl")
    assert not torch.equal(planner.model.latent_head.trunk[0].weight, prior), "the policy is the prior"
    assert torch.equal(planner.model.step_encoder.mean.weight, typed), "nobody reads a label"
    assert Planner.from_pretrained(tmp_path / "rl/last").thought("3+4=7").shape == (1, 32)


@pytest.mark.slow
def test_lora_leaves_the_encoder_to_learn_and_lends_it_its_embeddings(tmp_path):
    folder = tiny_lm("llama", tmp_path)
    planner = Planner.from_backbone(folder, BackboneSettings(latents_per_step=2, max_latents=6), domain="arithmetic")
    planner = METHODS["atp-step"].start(planner, LONGEST)
    assert type(planner.model.step_encoder).__name__ == "PooledEncoder"
    add_lora(planner.model, LoRASettings(rank=2))
    before = {name: value.clone() for name, value in planner.model.state_dict().items()}
    train_sft(planner, PROBLEMS[:4], VALIDATION, replace(SETTINGS, counterfactual=0.5), tmp_path / "run")
    after = planner.model.state_dict()
    own = [name for name in after if name.startswith("step_encoder.")]
    assert all(not torch.equal(after[name], before[name]) for name in own if "bias" not in name and "place" not in name)
    assert all(torch.equal(after[name], before[name]) for name in after if "base_layer" in name)
    typed = planner.thought("3+4=7")
    saved = Planner.from_pretrained(Path(tmp_path) / "run/last")
    torch.testing.assert_close(saved.thought("3+4=7"), typed)
    merge_lora(planner.model)
    torch.testing.assert_close(planner.thought("3+4=7"), typed)


def test_a_method_is_started_with_the_wanted_head(tmp_path):
    """A mixture in the place of a Gaussian keeps what the two have in common; training asks for the same head."""
    base = lively_planner()
    planner = METHODS["atp-step"].start(base, LONGEST, latent_head="mixture")
    assert isinstance(planner.think(PROBLEMS).distribution, Mixture)
    trunk = "latent_head.mean.weight"
    assert torch.equal(planner.model.state_dict()[trunk], base.model.state_dict()[trunk])
    settings = SFTSettings(method="atp-step", first_stage=LONGEST, stage_steps=(1,), latent_head="mixture")
    with pytest.raises(ValueError, match="mixture head"):
        train_sft(METHODS["atp-step"].start(base, LONGEST), PROBLEMS, VALIDATION, settings, tmp_path)


def test_a_head_that_a_method_cannot_think_with_is_refused():
    with pytest.raises(ValueError, match="latent_head is hidden"):
        METHODS["atp-step"].start(lively_planner(), LONGEST, latent_head="hidden")
    with pytest.raises(ValueError, match="sim-cot thinks with a hidden head"):
        METHODS["sim-cot"].start(lively_planner(), LONGEST, latent_head="mixture")
    with pytest.raises(ValueError, match="no-such-head"):
        SFTSettings(latent_head="no-such-head")
