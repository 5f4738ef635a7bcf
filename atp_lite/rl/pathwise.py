"""Pathwise estimators: the gradient goes back through the drawn latents, l_t = mu_t + sigma eps, whose noise is held.

A score function asks how likely a latent was, in d dimensions of noise. Here a latent is no action: what is read off
it is, be it the answer or the text of its step, in a few tokens; and the gradient says how the latent should have been.

    decoder          A log p_phi(text_t | l_t); the latents before l_t are fixed          one parallel pass
    reparameterised  the same, and A log p(answer | q, l_1 .. l_T), through all latents   the recurrence
    reference        log p(true answer | q, l_1 .. l_T), through all latents              the recurrence

Each of the three moves mu alone: sigma gets no gradient, so a policy cannot earn by becoming less random.
"""

from __future__ import annotations

import torch
from torch import Tensor

from atp_lite.model import LatentReasoner
from atp_lite.rl.registries import ESTIMATORS, Estimate, Samples
from atp_lite.rl.settings import RLSettings
from atp_lite.rl.surrogates import PolicyLogProbs, policy_log_probs


@ESTIMATORS.register("decoder")
def through_decoder(model: LatentReasoner, samples: Samples, settings: RLSettings) -> Estimate:
    """L = -mean over trajectories of the mean over steps of A log p_phi(decoded text | l_t).

    The gradient reaches theta through mu_t and the frozen decoder. Where `learn_stop` is on, stop decisions are drawn,
    and A log p(decision) joins in. Answers learn nothing.

    Raises:
        ValueError: there is no decoder.
    """
    trace = samples.trace
    replay = model.replay(trace)
    loss, stats, count = text_surrogate(model, samples, replay.distribution.redraw(trace.latents, trace.distribution))
    if settings.learn_stop:
        decisions = policy_log_probs(replay, trace, settings.sigma, settings.temperature, False, True, False)
        loss = loss + action_surrogate(decisions, samples.advantages)
    return Estimate(loss, stats, count, replay)


@ESTIMATORS.register("reparameterised")
def reparameterised(model: LatentReasoner, samples: Samples, settings: RLSettings) -> Estimate:
    """The answer and the texts, through the recurrence: every gradient flows through a latent into all before it.

    L = -mean over trajectories of (mean over answer tokens of A log p(token | q, l_1 .. l_T)
                                    + mean over steps of A log p_phi(decoded text | l_t)).

    Answers count where `learn_answer` is on, texts where `learn_latents` is and there is a decoder, stop decisions
    (beside the answer's tokens) where `learn_stop` is. With temperature 1, whole answers and texts that were drawn,
    this is the gradient of the expected reward without a score function of the latents (Kingma & Welling 2014).
    """
    replay, trace = model.recurrent_replay(samples.trace), samples.trace
    new = policy_log_probs(
        replay, trace, settings.sigma, settings.temperature, False, settings.learn_stop, settings.learn_answer
    )
    loss, actions = action_surrogate(new, samples.advantages), new.mask.sum()
    stats, count = {"action_log_prob": float(new.values.detach().sum() / actions.clamp(min=1))}, actions
    if settings.learn_latents and model.decoder is not None and replay.latents is not None:
        of_texts, found, n_steps = text_surrogate(model, samples, replay.latents)
        loss, stats, count = loss + of_texts, stats | found, count + n_steps
    return Estimate(loss, stats, float(count), replay)


@ESTIMATORS.register("reference")
def reference(model: LatentReasoner, samples: Samples, settings: RLSettings) -> Estimate:
    """L = -answer_ce log p(true answer | q, l_1 .. l_T), mean over its tokens, through all latents.

    The term itself is the one that `answer_ce` adds to every estimator; here its gradient reaches the latents, and
    there is no other. Rewards are measured and teach nothing.

    Raises:
        ValueError: `answer_ce` is 0.
    """
    if not settings.answer_ce:
        raise ValueError(
            "estimator reference learns from reference answers alone: give answer_ce a weight, such as 1, and switch "
            "learn_answer off"
        )
    replay = model.recurrent_replay(samples.trace)
    return Estimate(replay.answer_logits.new_zeros(()), {}, float(samples.trace.answer_mask.sum()), replay)


def text_surrogate(model: LatentReasoner, samples: Samples, latents: Tensor) -> tuple[Tensor, dict[str, float], float]:
    """-mean over trajectories of the mean over steps of A log p_phi(decoded text | latents); what is logged; the steps.

    latents: (B, T, d) with gradient. Raises ValueError without a decoder.
    """
    if model.decoder is None:
        raise ValueError("estimator decoder goes back through a decoder, and this model has none: take clipped")
    trace = samples.trace
    c, n_steps = model.config.latents_per_step, trace.step_tokens.shape[1]
    written = trace.step_tokens != model.config.pad_id  # (B, S, W)
    scores = model.decoder.log_prob(latents[:, : n_steps * c], trace.step_tokens, written)  # (B, S)
    advantage = samples.advantages
    advantage = advantage[:, None] if advantage.dim() == 1 else advantage[:, c - 1 : n_steps * c : c]
    steps = written.any(-1)
    loss: Tensor = -((scores * advantage).sum(1) / steps.sum(1).clamp(min=1)).mean()
    mean_score = torch.sum(scores.detach()) / steps.sum().clamp(min=1)
    return loss, {"step_log_prob": float(mean_score)}, float(steps.sum())


def action_surrogate(actions: PolicyLogProbs, advantages: Tensor) -> Tensor:
    """-mean over trajectories of the mean over actions of A log pi(action). advantages: (B,), or (B, T + A)."""
    advantage = advantages if advantages.dim() == 2 else advantages[:, None]
    return -((actions.values * advantage).sum(1) / actions.mask.sum(1).clamp(min=1)).mean()
