"""Gradients through drawn latents: against finite differences, exact expectations, and a recurrence without a cache."""

from dataclasses import replace
from functools import partial

import pytest
import torch
from small import PROBLEMS, hidden_after, lively_planner
from transformers.models.llama.modeling_llama import LlamaRMSNorm

from atp_lite.methods import METHODS
from atp_lite.model import Gaussian, Mixture
from atp_lite.rl import ESTIMATORS, RLSettings, Samples, answer_cross_entropy, reparameterised, train_rl
from atp_lite.rl.learner import Learner
from atp_lite.rl.objectives import improve_policy, with_references

SETTINGS = RLSettings(
    estimator="reparameterised", rewards={"length": 1.0}, questions=3, group_size=2, sigma=0.3, iterations=1
)
GAIN = torch.tensor([1.0, -1.0, 0.5, -0.5, 2.0, 0.0])


def drawn(planner, problems=PROBLEMS[:3], group_size=2, seed=1, **how):
    """Trajectories of noise 0.3 each."""
    generator = torch.Generator().manual_seed(seed)
    how = dict(sample=True, sigma=0.3, temperature=1.0) | how
    return planner.reason(problems, group_size=group_size, generator=generator, **how)


def normalised(norm, hidden):
    return torch.nn.functional.rms_norm(hidden, norm.weight.shape, norm.weight, norm.variance_epsilon)


def exact_planner(c=2):
    """In float64, whose decoder does not learn, as in training."""
    planner = lively_planner(c=c)
    planner.model.double()
    for module in planner.model.modules():
        if isinstance(module, LlamaRMSNorm):  # which computes in float32, whatever it is given
            module.forward = partial(normalised, module)
    planner.model.decoder.requires_grad_(False)
    return planner


def thought_again(planner, trace, row, noise):
    """l_1 .. l_T of a trajectory with this noise (T, d) around means, and what was read; no cache, one at a time."""
    model = planner.model
    question = trace.question[row // trace.group_size][trace.question_mask[row // trace.group_size].bool()]
    embeds, latents = model.embed(question[None]), []
    for t in range(int(trace.n_latents[row])):
        latents.append(model.latent_head(hidden_after(model.backbone, embeds)[-1]).mean + noise[t])
        embeds = torch.cat([embeds, latents[-1][None, None]], dim=1)
    return latents, embeds


def written_log_probs(lm, prefix, tokens):
    """log p of each token after the prefix (1, n, d)."""
    embeds = torch.cat([prefix, lm.get_input_embeddings()(tokens[None, :-1])], 1)
    scores = lm.lm_head(hidden_after(lm, embeds)[prefix.shape[1] - 1 :]).log_softmax(-1)
    return scores.gather(1, tokens[:, None])[:, 0]


def surrogate_by_hand(planner, trace, gain, noise):
    """The formula of `reparameterised`, a trajectory at a time."""
    model, c, losses = planner.model, planner.model.config.latents_per_step, []
    for row, a in enumerate(gain.tolist()):
        latents, embeds = thought_again(planner, trace, row, noise[row])
        end = model.embed(torch.tensor([[model.config.end_id]]))
        answer = trace.answer[row][trace.answer_mask[row]]
        tokens = written_log_probs(model.backbone, torch.cat([embeds, end], 1), answer)
        texts = []
        for s in range(len(latents) // c):
            text = trace.step_tokens[row, s][trace.step_tokens[row, s] != model.config.pad_id]
            prefix = torch.stack(latents[s * c : (s + 1) * c])[None]
            texts.append(written_log_probs(model.decoder.lm, prefix, text).sum())
        losses.append(-a * (tokens.mean() + torch.stack(texts).mean()))
    return torch.stack(losses).mean()


def directional(planner, direction, loss, step=1e-6):
    """d loss / d theta along a direction (name -> tensor), by central differences."""
    values = []
    for sign in (1, -1):
        with torch.no_grad():
            for name, parameter in planner.model.named_parameters():
                if name in direction:
                    parameter += sign * step * direction[name]
            values.append(loss().item())
            for name, parameter in planner.model.named_parameters():
                if name in direction:
                    parameter -= sign * step * direction[name]
    return (values[0] - values[1]) / (2 * step)


def direction_of(planner, seed):
    generator = torch.Generator().manual_seed(seed)
    learning = {name: p for name, p in planner.model.named_parameters() if p.requires_grad}
    return {name: torch.randn(p.shape, generator=generator, dtype=p.dtype) for name, p in learning.items()}


def gradient(planner, loss):
    planner.model.zero_grad()
    loss.backward()
    return {n: p.grad.clone() for n, p in planner.model.named_parameters() if p.grad is not None}


def along(gradients, direction):
    return sum((g * direction[name]).sum().item() for name, g in gradients.items())


# --- the recurrence again ---


@pytest.mark.parametrize("c", [1, 2])
def test_thinking_again_says_what_the_parallel_pass_says(c):
    planner = lively_planner(c=c)
    whole = drawn(planner, PROBLEMS, group_size=3)
    shortest = int(whole.n_latents.view(-1, 3).max(1).values.argmin())
    part = whole.questions(torch.tensor([shortest]))
    assert part.n_latents.max() < part.latents.shape[1], "a part that thinks less than the whole"
    for trace in (whole, part):
        again, replay = planner.model.recurrent_replay(trace), planner.model.replay(trace)
        mask = trace.latent_mask
        torch.testing.assert_close(again.latents[mask], trace.latents[mask])
        torch.testing.assert_close(again.distribution.mean[mask], replay.distribution.mean[mask], atol=1e-4, rtol=1e-4)
        torch.testing.assert_close(again.stop_logits[mask], replay.stop_logits[mask], atol=1e-4, rtol=1e-4)
        written = trace.answer_mask
        torch.testing.assert_close(again.answer_logits[written], replay.answer_logits[written], atol=1e-4, rtol=1e-4)


def test_a_draw_has_the_gradient_of_the_mean_of_its_component():
    mu = torch.tensor([[0.0, 0.0], [4.0, 4.0]], requires_grad=True)
    latent = torch.tensor([3.5, 4.5])
    old = (mu.detach() - 1).requires_grad_()  # it was drawn from another policy
    before = Mixture(torch.zeros(2), old, torch.zeros(2, 2))
    again = Mixture(torch.zeros(2), mu, torch.zeros(2, 2)).redraw(latent, before)
    assert again.tolist() == [4.5, 5.5]
    grad, of_old = torch.autograd.grad(again.sum(), (mu, old), allow_unused=True)
    assert grad.tolist() == [[0, 0], [1, 1]] and of_old is None
    again = Gaussian(mu[0], mu[1]).redraw(latent, Gaussian(torch.ones(2), torch.zeros(2)))
    assert again.tolist() == [2.5, 3.5]
    (grad,) = torch.autograd.grad(again.sum(), mu)
    assert grad.tolist() == [[1, 1], [0, 0]], "the spread gets none"


# --- reparameterised ---


@pytest.mark.slow
def test_the_reparameterised_gradient_is_that_of_finite_differences():
    """Noise held, everything else thought anew: the loss by hand and its slope along random directions."""
    planner = exact_planner()
    trace = drawn(planner)  # rows of several lengths
    assert len(set(trace.n_latents.tolist())) > 1 and trace.n_latents.max() > 2
    noise = trace.latents - trace.distribution.mean
    estimate = reparameterised(planner.model, Samples(trace, GAIN), SETTINGS)
    assert estimate.loss.item() == pytest.approx(surrogate_by_hand(planner, trace, GAIN, noise).item(), rel=1e-9)
    found = gradient(planner, estimate.loss)
    assert not any(name.startswith(("decoder", "latent_head.log_variance")) for name in found)
    for seed in range(3):
        direction = direction_of(planner, seed)
        expected = directional(planner, direction, lambda: surrogate_by_hand(planner, trace, GAIN, noise))
        assert along(found, direction) == pytest.approx(expected, rel=1e-5)


def test_without_the_recurrence_the_gradient_is_another_one():
    """What the finite differences see beyond `decoder`: how latents move through those before them."""
    planner = exact_planner(c=1)
    trace, settings = drawn(planner), replace(SETTINGS, learn_answer=False)
    found = {
        name: ESTIMATORS[name](planner.model, Samples(trace, GAIN), settings) for name in ("decoder", "reparameterised")
    }
    assert found["decoder"].loss.item() == pytest.approx(found["reparameterised"].loss.item(), rel=1e-9)
    bias = planner.model.latent_head.mean.bias
    one, two = (torch.autograd.grad(estimate.loss, bias)[0] for estimate in found.values())
    assert (one - two).norm() > 1e-3 * one.norm()


@pytest.mark.slow
def test_each_kind_of_action_has_its_own_advantage():
    """(B, T + A): zero advantages of the answer leave the texts, and the other way round."""
    planner = exact_planner()
    trace = drawn(planner)
    n_latents, n_tokens = trace.latents.shape[1], trace.answer.shape[1]

    def loss(of_latents, of_answers, **changes):
        gain = torch.cat(
            [GAIN[:, None].expand(-1, n) * x for n, x in ((n_latents, of_latents), (n_tokens, of_answers))], 1
        )
        return reparameterised(planner.model, Samples(trace, gain), replace(SETTINGS, **changes)).loss.item()

    texts, answers = loss(1, 0), loss(0, 1)
    assert texts and answers and loss(1, 1) == pytest.approx(texts + answers)
    assert loss(1, 1, learn_answer=False) == pytest.approx(texts)
    assert loss(1, 1, learn_latents=False) == pytest.approx(answers)
    last = torch.arange(n_latents) % planner.model.config.latents_per_step == planner.model.config.latents_per_step - 1
    assert loss(last, 0) == texts and loss(~last, 0) == 0, "a text has the advantage of the last latent of its step"


@pytest.mark.slow
def test_it_is_unbiased_and_a_step_along_it_raises_the_expected_reward():
    """Answers of one token: the mean over all of them is the exact gradient of the expected reward, and of no other."""
    planner = exact_planner(c=1)
    trace = drawn(planner, PROBLEMS[1:2], group_size=4, max_answer_tokens=1)
    vocabulary = len(planner.tokenizer)
    reward = torch.linspace(-1, 1, vocabulary, dtype=torch.float64)[
        torch.randperm(vocabulary, generator=torch.Generator().manual_seed(0))
    ]

    def expected_reward():
        return (planner.model.recurrent_replay(trace).answer_logits[:, 0].softmax(-1) * reward).sum(-1).mean()

    with torch.no_grad():
        probabilities = planner.model.recurrent_replay(trace).answer_logits[:, 0].softmax(-1)  # (4, V)
    settings, total = replace(SETTINGS, learn_latents=False), 0.0
    for token in range(vocabulary):
        told = replace(
            trace, answer=torch.full_like(trace.answer, token), answer_mask=torch.ones_like(trace.answer_mask)
        )
        gain = reward[token] * probabilities[:, token]
        total = total + reparameterised(planner.model, Samples(told, gain), settings).loss
    found, exact = gradient(planner, total), gradient(planner, expected_reward())
    assert found.keys() == exact.keys()
    for name, g in exact.items():
        torch.testing.assert_close(found[name], -g, atol=1e-10, rtol=1e-6)
    before = expected_reward().item()
    with torch.no_grad():
        for name, parameter in planner.model.named_parameters():
            if name in found:
                parameter -= 1e-3 * found[name]
    slope = sum(g.square().sum().item() for g in exact.values())
    assert expected_reward().item() - before == pytest.approx(1e-3 * slope, rel=0.05)


# --- the true answer ---


def test_the_gradient_of_the_reference_is_that_of_the_true_answer_through_all_latents():
    """At the means, where nothing is drawn, it is the objective answer-ce row by row."""
    planner = exact_planner(c=1)
    trace = with_references(planner, drawn(planner, sample=False, group_size=1))
    settings = replace(SETTINGS, estimator="reference", learn_answer=False, answer_ce=1.0)
    estimate = ESTIMATORS["reference"](planner.model, Samples(trace, torch.zeros(3)), settings)
    real = trace.answer_mask
    ce = torch.nn.functional.cross_entropy(estimate.replay.answer_logits[real], trace.answer[real])
    found = gradient(planner, estimate.loss + ce)
    loss, _ = answer_cross_entropy(planner, PROBLEMS[:3], sample=False, generator=None)
    assert ce.item() == pytest.approx(loss.item(), rel=1e-5)
    exact = gradient(planner, loss)
    assert found["latent_head.mean.bias"].norm() > 0
    for name, g in found.items():
        torch.testing.assert_close(g, exact[name], atol=1e-6, rtol=1e-3)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["reparameterised", "reference"])
def test_an_iteration_of_each_raises_what_it_is_about(tmp_path, name):
    settings = replace(SETTINGS, estimator=name, lr=3e-3, warmup_steps=0, mini_batches=1, kl_weight=0.01, accumulate=2)
    if name == "reference":
        settings = replace(settings, learn_answer=False, answer_ce=1.0)
    learner = Learner(lively_planner(), settings, tmp_path)
    trace = learner.rollout(PROBLEMS[:3])
    trace = with_references(learner.planner, trace) if settings.answer_ce else trace
    steps = [improve_policy(learner, Samples(trace, GAIN.abs()), measure_kl=False) for _ in range(8)]
    logged = "answer_ce" if settings.answer_ce else "step_log_prob"
    sign = -1 if settings.answer_ce else 1
    assert sign * steps[-1][logged] > sign * steps[0][logged] and steps[-1]["kl"] > 0


@pytest.mark.slow
def test_points_and_a_planner_without_a_decoder_learn_by_it_too(tmp_path):
    points = METHODS["sim-cot"].start(lively_planner(), 3)
    train_rl(points, PROBLEMS[:4], PROBLEMS[4:], replace(SETTINGS, sigma=0.3), tmp_path)
    bare = lively_planner()
    bare.model.decoder = None
    learner = Learner(bare, replace(SETTINGS, rewards={"length": 1.0}), tmp_path / "bare")
    stats = improve_policy(learner, Samples(learner.rollout(PROBLEMS[:3]), GAIN), measure_kl=False)
    assert "step_log_prob" not in stats and stats["grad_norm"] > 0


def test_the_reference_needs_a_weight_and_the_decoder_a_decoder():
    planner = lively_planner()
    samples = Samples(drawn(planner), GAIN)
    with pytest.raises(ValueError, match="estimator reference learns from reference answers alone: give answer_ce"):
        ESTIMATORS["reference"](planner.model, samples, SETTINGS)
    planner.model.decoder = None
    with pytest.raises(ValueError, match="goes back through a decoder, and this model has none"):
        ESTIMATORS["decoder"](planner.model, samples, SETTINGS)
