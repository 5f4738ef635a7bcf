"""ATP-Latent with a posterior that sees the step: a conditional VAE in full, and no recurrence in training.

    q(l_t | s_t)              the step encoder, of the text of the label's step
    p(l_t | question, l_<t)   the latent head, the prior: all that is left when the planner thinks alone
    L = -log p(a | question, l_1 .. l_T) + L_Dec + L_Stop + w KL( sg(q) || p ) + beta KL( q || sg(p) )
        - log sum_k pi_k p_phi(s_t | mu_k),                                                l_t drawn from q

In ATP-Latent the posterior of a latent has seen what the prior sees, never the step, so a draw cannot stand for one
choice among several, and the answer need not ask it. Here l_t says which step was taken; what follows has to follow it.
All latents are known before anything is read, so one parallel pass does for any T. At test time the head's mode is
thought; `Planner.thought` turns text into a thought.

The KL( q(l_t | s_t) || p(l_t | question, l_<t) ) is the same number twice, once for each of the two (sg stops the
gradient of
the other; Hafner et al. 2021, arXiv 2010.02193, section 2.2): the prior can learn fast while the posterior stays free
to say what it has read. With w = beta that is the usual KL.

The last term reads the prior back as text. pi_k and mu_k are the weights and means of its components: one of a
Gaussian, K of a `mixture`, each of which may take one of several equally right steps; a Gaussian lies between them.

Two settings of `SFTSettings` make thoughts causes, and the planner robust to its own:

- `counterfactual`: in some labels one step is replaced by another and the rest follows from it. Nobody can predict the
  replaced thought, so it has neither KL nor stop decision.
- `exposure`: a share of the thoughts that are read are the prior's own versions of the label's step, from the
  component that is nearest to it, half of them drawn, half at its mean, as they are thought at test time. A second
  parallel pass, without gradient, finds them (scheduled sampling: Mihaylova and Martins 2019, arXiv 1906.07651).
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from atp_lite.methods.method import Method, predicted_latents
from atp_lite.model import Decoder, Distribution, Losses, is_last, next_token_loss, stop_loss
from atp_lite.planner import Planner
from atp_lite.tokens import Batch, Collator, Encoded


def losses(
    planner: Planner,
    rows: Sequence[Encoded],
    stage: int,
    sample: bool,
    generator: torch.Generator,
    exposure: float = 0.0,
) -> Losses:
    """enc: the language; dec, dec_prior: every step's text from its own latents, from the prior's; stop; prior, kl."""
    model = planner.model
    batch = planner.collate(rows, stage).to(model.device)
    steps = torch.arange(int(batch.n_latents.max()), device=model.device)  # (T,)
    thought = steps < batch.n_latents[:, None]  # (B, T)
    predicted = thought & ~batch.replaced.repeat_interleave(model.config.latents_per_step, 1)
    posterior = model.encode_steps(batch.steps, batch.steps_mask)  # of (B, T, d)
    latents = posterior.draw(generator) if sample else posterior.mode
    question, known = (batch.question, batch.question_mask), (batch.language[:, :-1], batch.language_mask[:, :-1])
    fed = latents
    if exposure:
        with torch.no_grad():
            hidden, _ = model.teacher_forced(*question, latents, thought, known[0][:, :1], known[1][:, :1])
            own = own_version(model.latent_head(hidden).component_of(posterior.mode), generator)
        fed = torch.where((predicted & bernoulli(exposure, predicted, generator))[..., None], own, latents)
    hidden, states = model.teacher_forced(*question, fed, thought, *known)
    enc = next_token_loss(model, states, batch.language, batch.language_mask)
    terms = {"enc": enc} | dict.fromkeys(("dec", "dec_prior", "stop", "prior", "kl"), enc.new_zeros(()))
    if model.decoder is not None:
        terms["dec"] = model.decoder.loss(latents, batch.steps, batch.steps_mask)
    if not predicted.any():
        return terms
    terms["stop"] = stop_loss(model.stop_head(hidden), is_last(thought), predicted)
    prior = model.latent_head(hidden)  # of (B, T, d)
    if model.decoder is not None:
        terms["dec_prior"] = prior_text_loss(
            model.decoder, prior, batch.steps, batch.steps_mask * ~batch.replaced[..., None]
        )
    said, drawn, free = posterior[predicted], latents[predicted], prior[predicted]  # of (N, d)
    terms["prior"] = said.map(Tensor.detach).kl_to(free, drawn.detach()).mean()
    terms["kl"] = said.kl_to(free.map(Tensor.detach), drawn).mean()
    return terms


def prior_text_loss(decoder: Decoder, prior: Distribution, steps: Tensor, mask: Tensor) -> Tensor:
    """-log sum_k pi_k p_phi(s_i | mu_k), mean over the tokens of all steps, in nats; shapes as in `Decoder.log_prob`.

    Where a step has c > 1 latents, component k is taken in each of them: at most what all combinations would say.
    """
    log_weights, means = prior.components  # (B, T, K), (B, T, K, d)
    log_weights = log_weights.unflatten(1, (-1, decoder.latents_per_step)).sum(2)  # (B, S, K)
    texts = torch.stack([decoder.log_prob(mu, steps, mask) for mu in means.unbind(2)], -1)  # (B, S, K)
    real = mask.any(-1)  # (B, S)
    return -torch.logsumexp(log_weights + texts, -1)[real].sum() / mask.sum()


def own_version(component: Distribution, generator: torch.Generator) -> Tensor:
    """(B, T, d) the thoughts of the prior itself: half of them drawn, half of them modes."""
    mode = component.mode
    return torch.where(bernoulli(0.5, mode[..., :1], generator), component.draw(generator), mode)


def bernoulli(share: float, like: Tensor, generator: torch.Generator) -> Tensor:
    """True with this probability, of the shape of `like`."""
    return torch.rand(like.shape, generator=generator, device=like.device) < share


def denominators(collate: Collator, rows: Sequence[Encoded], batch: Batch) -> dict[str, int]:
    """dec_prior: tokens of steps that were not replaced; prior: latents of such steps."""
    return {
        "dec_prior": int((batch.steps_mask * ~batch.replaced[..., None]).sum()),
        "prior": predicted_latents(batch, collate.latents_per_step),
    }


ATP_STEP = Method(
    "atp-step",
    losses,
    decoder=True,
    step_encoder=True,
    stages="single",
    weights={"prior": 0.1},
    own_denominators=denominators,
)
