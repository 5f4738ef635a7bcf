"""05: the curriculum from words to latents, and when to stop."""

from __future__ import annotations

import math
from typing import Any

from atp_lite.course.grading import exercise, function_feedback, marks_feedback, number_feedback


@exercise(
    "05.1",
    "Write the row down from left to right, at stage 2.",
    "Two steps have become latents, c for each; the third is still text. Mind the two marks around the latents.",
    "Question, <s>, two latents for each of two steps, <e>, the third step and its `;`, answer, <eos>.",
)
def positions(answer: Any) -> str:
    """Question of 11 tokens, three steps of five, stage 2, c = 2."""
    return number_feedback(answer, 11 + 1 + 4 + 1 + 6 + 1 + 1, tolerance=0)


@exercise(
    "05.2",
    "How many latents are there at stage k in a problem of n steps?",
    "A problem with fewer steps than the stage has no more latents than its own steps need.",
    "There are c times min(n, k) latents, and the label is 1 at the last of them only.",
)
def stop_labels(answer: Any) -> str:
    """stop_labels(n, k, c)."""
    cases = [(3, 3, 1), (3, 2, 1), (2, 4, 1), (4, 3, 2), (1, 1, 1), (3, 0, 1)]
    wanted = [[0, 0, 1], [0, 1], [0, 1], [0, 0, 0, 0, 0, 1], [1], []]
    return function_feedback(answer, cases, wanted, marks_feedback)


@exercise(
    "05.3",
    "Each latent asks one yes-no question. Which answers are right here?",
    "Turn the logits into probabilities; the loss of one decision is minus the log of what the label's answer got.",
    "Minus the log of 1 - P, 1 - P and P, with P = 1 / (1 + e^-z); then their mean.",
)
def stop_loss(answer: Any) -> str:
    """Logits 0, -3, -3 with labels 0, 0, 1."""
    terms = [math.log(2), math.log(1 + math.exp(-3)), math.log(1 + math.exp(3))]
    return number_feedback(answer, sum(terms) / 3)


@exercise(
    "05.4",
    "When is latent 3 thought at all?",
    "A mean number can be added up from the chances that the first, the second, ... happen.",
    "Latent t is thought with the probability that nothing stopped before it; add these up.",
)
def expected_latents(answer: Any) -> str:
    """expected_latents(p): sum over t of (1 - p_1) ... (1 - p_{t-1})."""
    cases = [([0.0, 0.0, 1.0],), ([0.5, 0.5, 0.5],), ([1.0, 0.0],), ([0.2, 0.5, 0.0, 0.0],), ([0.0],), ([0.3, 0.9],)]
    wanted = [3.0, 1.75, 1.0, 2.6, 1.0, 1.7]
    return function_feedback(answer, cases, wanted, number_feedback)
