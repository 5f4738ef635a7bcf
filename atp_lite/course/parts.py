"""The eight functions that a planner is built from, each checked alone on numbers: exercises "build.think" and so on.

    think(imagine, read, hidden, n)        latents (B, n, d)   the latent loop                      03
    reparameterise(mu, logvar, eps)        latent (..., d)     a draw that lets gradients through   04
    kl(mu, logvar)                         (...)               KL( N(mu, sigma^2) || N(0, I) )      04
    decoder_loss(logits, tokens, real)     scalar              -log p of the steps' real tokens     04
    stop_loss(logits, stopped, real)       scalar              -log p of every real decision        05
    verify(question, steps, answer)        in [0, 1]           what a chain and its answer earn     07b
    advantages(rewards, G)                 (B,)                beside the others of the group       08
    surrogate(ratio, advantage, clip)      as they are         the clipped objective of an action   08

`REFERENCE` has the package's own; `course.train` puts them, or a learner's, into a real run.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from atp_lite.course.grading import exercise, function_feedback, require_function, tensor_feedback
from atp_lite.course.n07b_verifier import own_reward
from atp_lite.domains import needed_steps, same_number, true_answer
from atp_lite.domains.chains import verify_chain
from atp_lite.model import kl_divergence
from atp_lite.rl.advantages import group_advantages

# ------------------------------------------------------------------- reference


def think(imagine: Callable[[Tensor], Tensor], read: Callable[[Tensor], Tensor], hidden: Tensor, n: int) -> Tensor:
    """l_t = imagine(h_t), h_{t+1} = read(l_t), n times from h_1 = hidden (B, d) -> latents (B, n, d)."""
    latents = []
    for _ in range(n):
        latents.append(imagine(hidden))
        hidden = read(latents[-1])
    return torch.stack(latents, 1)


def reparameterise(mu: Tensor, logvar: Tensor, eps: Tensor) -> Tensor:
    """mu + sigma eps, all (..., d)."""
    return mu + torch.exp(0.5 * logvar) * eps


def decoder_loss(logits: Tensor, tokens: Tensor, real: Tensor) -> Tensor:
    """logits (N, W, V), tokens (N, W), real (N, W) bool -> the mean cross-entropy of the real tokens, in nats."""
    return F.cross_entropy(logits[real], tokens[real])


def stop_loss(logits: Tensor, stopped: Tensor, real: Tensor) -> Tensor:
    """logits, stopped, real (B, T), the last two bool -> the mean of -log p(decision) over real places, in nats."""
    return F.binary_cross_entropy_with_logits(logits[real], stopped[real].to(logits.dtype))


def verify(question: str, steps: Sequence[str], answer: str) -> float:
    """1 where the chain is one of the question's right ones and the answer is its answer, else 0."""
    right = verify_chain(needed_steps(question), steps).is_right
    return float(right and same_number(answer, true_answer(question)))


def surrogate(ratio: Tensor, advantage: Tensor, clip: float) -> Tensor:
    """min(rho A, clamp(rho, 1 - clip, 1 + clip) A) of every action."""
    return torch.minimum(ratio * advantage, ratio.clamp(1 - clip, 1 + clip) * advantage)


REFERENCE: dict[str, Callable[..., Any]] = {
    "think": think,
    "reparameterise": reparameterise,
    "kl": kl_divergence,
    "decoder_loss": decoder_loss,
    "stop_loss": stop_loss,
    "verify": verify,
    "advantages": group_advantages,
    "surrogate": surrogate,
}
"""Every part by its name, as the package has it."""

# ---------------------------------------------------------------------- checks


def gradient_feedback(answer: Callable[..., Any], *arguments: Any, of: Sequence[int]) -> str:
    """Whether gradients of the sum of what a function gives reach the tensors `of` among its arguments."""
    tensors = [value.clone().requires_grad_(i in of) if i in of else value for i, value in enumerate(arguments)]
    value = answer(*tensors)
    if not value.requires_grad:
        return "no gradient passes: something is detached, or drawn anew."
    found = torch.autograd.grad(value.sum(), [tensors[i] for i in of], allow_unused=True)
    missing = [i for i, gradient in zip(of, found, strict=True) if gradient is None or not gradient.any()]
    return f"no gradient reaches argument {missing[0] + 1}." if missing else ""


def fixed(*shape: int, seed: int = 0) -> Tensor:
    """Numbers from a normal distribution, the same every time."""
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed)).round(decimals=1)


@exercise(
    "build.think",
    "Each turn makes one latent and reads it. What does the next turn begin with?",
    "Keep the latents in a list; what `read` returns is the hidden state of the next turn. The last one is read too.",
    "A turn makes a latent, keeps it, reads it. `torch.stack` makes a tensor of a list; turns are dimension 1.",
)
def check_think(answer: Any) -> str:
    """think(imagine, read, hidden, n), with a toy model that writes down what it reads."""
    loop = require_function(answer)
    for n in (1, 3):
        seen: list[Tensor] = []

        def read(latent: Tensor, seen: list[Tensor] = seen) -> Tensor:
            seen.append(latent)
            return torch.tanh(latent.roll(1, -1) + 0.3 * len(seen))

        def imagine(hidden: Tensor) -> Tensor:
            return 0.5 * hidden + 0.1

        hidden = fixed(2, 3).requires_grad_()
        given = loop(imagine, read, hidden, n)
        read_by_answer, seen[:] = list(seen), []
        wanted = think(imagine, read, hidden, n)
        if found := tensor_feedback(given, wanted.detach()):
            return f"With n = {n}: {found}"
        if len(read_by_answer) != n:
            return f"With n = {n}: read was called {len(read_by_answer)} times: what is not read is not known later."
        if not given.requires_grad or torch.autograd.grad(given[:, -1].sum(), hidden, allow_unused=True)[0] is None:
            return f"With n = {n}: no gradient passes from the last latent back to hidden."
    return ""


@exercise(
    "build.reparameterise",
    "A draw is a centre and some noise. Which of the two may the gradient know?",
    "logvar is the logarithm of sigma squared: get sigma out of it first.",
    "sigma is the root of a variance: where does the half go in exp? Then sigma widens eps, and mu shifts it.",
)
def check_reparameterise(answer: Any) -> str:
    """reparameterise(mu, logvar, eps)."""
    cases = [(fixed(4), fixed(4, seed=1), fixed(4, seed=2)), (fixed(2, 3), fixed(2, 3, seed=3), torch.ones(2, 3))]
    wanted = [reparameterise(*case) for case in cases]
    return function_feedback(answer, cases, wanted, tensor_feedback) or gradient_feedback(answer, *cases[0], of=(0, 1))


@exercise(
    "build.kl",
    "One number for each latent: what is done with the dimensions?",
    "The formula of 04, section 4, for every dimension; the last dimension is added up.",
    "Four terms a dimension: what is sigma^2, given logvar, and what is its logarithm? Halve; one dimension goes.",
)
def check_kl(answer: Any) -> str:
    """kl(mu, logvar) -> (...)."""
    cases = [(torch.zeros(3), torch.zeros(3)), (torch.tensor([1.0, 0.0]), torch.tensor([0.0, -1.4]))]
    cases += [(fixed(2, 3, 4), fixed(2, 3, 4, seed=1))]
    wanted = [kl_divergence(*case) for case in cases]
    return function_feedback(answer, cases, wanted, tensor_feedback) or gradient_feedback(answer, *cases[2], of=(0, 1))


@exercise(
    "build.decoder_loss",
    "Padding is no text: what the model says of it is nobody's business.",
    "Cross-entropy takes rows of scores and their right tokens. Choose the rows first.",
    "A mask of True and False can stand between brackets, and keeps what is real, of scores and of tokens alike.",
)
def check_decoder_loss(answer: Any) -> str:
    """decoder_loss(logits, tokens, real), with padding that must not count."""
    cases = []
    for seed, real in ((0, [[1, 1, 1], [1, 1, 1]]), (1, [[1, 1, 0], [1, 0, 0]]), (2, [[1, 0, 0], [0, 0, 0]])):
        tokens = torch.tensor([[1, 0, 2], [2, 1, 0]])
        cases.append((fixed(2, 3, 3, seed=seed), tokens, torch.tensor(real).bool()))
    wanted = [decoder_loss(*case) for case in cases]
    return function_feedback(answer, cases, wanted, tensor_feedback) or gradient_feedback(answer, *cases[1], of=(0,))


@exercise(
    "build.stop_loss",
    "One yes-or-no question at each latent that is there.",
    "There is a loss for logits and yes-no labels; it wants labels as numbers. Which places count?",
    "Keep the real places of both, as for the decoder. `binary_cross_entropy_with_logits` wants labels as floats.",
)
def check_stop_loss(answer: Any) -> str:
    """stop_loss(logits, stopped, real)."""
    logits, stopped = torch.tensor([[0.0, -3.0, -3.0], [2.0, 5.0, 9.0]]), torch.tensor([[0, 0, 1], [1, 0, 0]]).bool()
    cases = [(logits, stopped, torch.tensor(real).bool()) for real in ([[1, 1, 1], [1, 0, 0]], [[1, 1, 1], [1, 1, 1]])]
    wanted = [stop_loss(*case) for case in cases]
    return function_feedback(answer, cases, wanted, tensor_feedback) or gradient_feedback(answer, *cases[0], of=(0,))


OFF_TOPIC = ("(3+4)*(9-2)", ["3+9=12", "12-4=8", "8*2=16"], "16")
"""True arithmetic with the question's own numbers, each used once; and not what the question asks."""


@exercise(
    "build.verify",
    "Ask two things: is each step one that the question asks for now, and is its answer what is left at the end?",
    "Do the question as you would on paper: what a step has worked out is replaced by its result.",
    "A step a+b=c may replace (a+b) in the question, or all of it, by c, if it is true; at the end the answer is left.",
)
def check_verify(answer: Any) -> str:
    """verify(question, steps, answer): right chains above every cheat of 07b.3, and above what is off topic."""
    if found := own_reward(answer):
        return found
    question, steps, final = OFF_TOPIC
    reward_of = require_function(answer)
    if (reward := float(reward_of(question, list(steps), final))) >= reward_of(
        question, ["3+4=7", "9-2=7", "7*7=49"], "49"
    ):
        return f"{steps} with {final} gets {reward:.2f} for {question}: true, and not what was asked."
    return ""


@exercise(
    "build.advantages",
    "Rewards of one question stand beside each other, G of them. Which shape makes groups of them?",
    "Mean and spread are of a group, not of the batch. What if all rewards of a group are equal?",
    "A row for each question; `keepdim=True` lets a column be taken off it. `std` divides by G - 1 by default.",
)
def check_advantages(answer: Any) -> str:
    """advantages(rewards, G): the group's mean is subtracted, and divided by its spread."""
    cases = [
        (torch.tensor([2.5, 0.5, 0.5, 0.5]), 4),
        (torch.tensor([1.0, 0.0, 0.5, 0.5, 0.0, 0.0]), 2),
        (torch.tensor([1.0, 0.0, 0.0, 1.0, 1.0, 1.0]), 3),
        (torch.tensor([0.7, 0.7]), 2),
    ]
    wanted = [group_advantages(*case) for case in cases]
    return function_feedback(answer, cases, wanted, lambda got, right: tensor_feedback(got, right, 5e-3))


@exercise(
    "build.surrogate",
    "08.3 was one action; here are many at once, in tensors.",
    "torch.minimum compares number by number; clamp keeps a tensor between two limits.",
    "Make two tensors of products, with the ratio as it is and with the clamped one. Which of each pair counts?",
)
def check_surrogate(answer: Any) -> str:
    """surrogate(ratio, advantage, clip), number by number."""
    ratio = torch.tensor([[1.0, 1.5, 0.5], [1.5, 0.5, 1.25]])
    cases = [
        (ratio, torch.tensor([[0.7, 2.0, 2.0], [-2.0, -2.0, 1.0]]), 0.2),
        (ratio, torch.tensor([[1.0], [-1.0]]), 0.3),
    ]
    wanted = [surrogate(*case) for case in cases]
    return function_feedback(answer, cases, wanted, tensor_feedback) or gradient_feedback(answer, *cases[0], of=(0,))
