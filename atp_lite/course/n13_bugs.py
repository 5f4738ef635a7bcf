"""13: silent bugs. Each exercise takes a mended function and runs it on numbers."""

from __future__ import annotations

import random
import statistics
from typing import Any

import torch

from atp_lite.course.grading import (
    exercise,
    function_feedback,
    list_feedback,
    number_feedback,
    require_function,
    tensor_feedback,
)
from atp_lite.course.parts import decoder_loss, fixed
from atp_lite.course.parts import think as think_right
from atp_lite.rl.advantages import group_advantages


@exercise(
    "13.1",
    "Rows of a batch have different lengths. What does the loss see in the short ones?",
    "Give the function the same row twice, the second time with more padding. May the loss change?",
    "`real` says where there is text. Choose scores and targets by it before the mean is taken.",
)
def loss_of_text(answer: Any) -> str:
    """language_loss(logits (B, L, V), targets (B, L), real (B, L)): padding does not count."""
    loss = require_function(answer)
    logits, targets, real = fixed(2, 3, 4), torch.tensor([[1, 2, 3], [0, 3, 0]]), torch.tensor([[1, 1, 1], [1, 1, 0]])
    short = float(loss(logits, targets, real.bool()))
    wider = [torch.cat([part, part[:, :2]], 1) for part in (logits, targets)]
    padded = float(loss(*wider, torch.cat([real, torch.zeros(2, 2)], 1).bool()))
    if abs(short - padded) > 1e-4:
        return f"A batch has the loss {short:.3f}; with two more columns of padding it has {padded:.3f}."
    return number_feedback(short, decoder_loss(logits, targets, real.bool()).item())


@exercise(
    "13.2",
    "A loss of 0.00 after a few steps: how could a model know the future?",
    "At each place, what is read and what is asked? Write both down for a text of three tokens.",
    "Inputs are all tokens but the last, targets all but the first: they have one column less each.",
)
def what_is_asked(answer: Any) -> str:
    """pairs(tokens (B, L)) -> inputs and targets of next-token prediction."""
    make = require_function(answer)
    tokens = torch.tensor([[5, 6, 7, 8], [1, 2, 3, 4]])
    inputs, targets = make(tokens)
    same = bool((inputs == targets).all()) if inputs.shape == targets.shape else False
    if same:
        return (
            f"Of {tokens[0].tolist()} it asks for {targets[0].tolist()} where it shows {inputs[0].tolist()}: the same."
        )
    return tensor_feedback(inputs, tokens[:, :-1]) or tensor_feedback(targets, tokens[:, 1:])


@exercise(
    "13.3",
    "It is right for one row, and for rows of one length. Try rows of two lengths.",
    "In a short row, what stands in the last column?",
    "The last 1 of each row's mask is where to look; padding may be on either side.",
)
def last_real_state(answer: Any) -> str:
    """last_state(hidden (B, L, d), mask (B, L)) -> (B, d) of the last real position of every row."""
    hidden = fixed(3, 4, 2)
    masks = ([[1, 1, 1, 1]] * 3, [[1, 1, 0, 0], [1, 1, 1, 1], [1, 0, 0, 0]], [[0, 0, 1, 1], [0, 1, 1, 1], [1, 1, 1, 0]])
    cases = [(hidden, torch.tensor(mask)) for mask in masks]
    wanted = []
    for mask in masks:
        last = [max(i for i, one in enumerate(row) if one) for row in mask]
        wanted.append(torch.stack([hidden[b, i] for b, i in enumerate(last)]))
    return function_feedback(answer, cases, wanted, tensor_feedback)


@exercise(
    "13.4",
    "The numbers are right, so look at what is not a number: who learns from whom?",
    "Ask for the gradient of the last latent by the first hidden state.",
    "Something in the loop cuts the graph. A latent that is read must be the one that was made.",
)
def whole_gradient(answer: Any) -> str:
    """think(imagine, read, hidden, n): the gradient of each latent reaches the first hidden state."""
    loop = require_function(answer)
    hidden = fixed(2, 3).requires_grad_()

    def imagine(state: torch.Tensor) -> torch.Tensor:
        return 0.5 * state + 0.1

    given, wanted = loop(imagine, torch.tanh, hidden, 3), think_right(imagine, torch.tanh, hidden, 3)
    if found := tensor_feedback(given, wanted.detach()):
        return found
    for t in range(3):
        gradients = [
            torch.autograd.grad(latents[:, t].sum(), hidden, retain_graph=True, allow_unused=True)[0]
            if latents.requires_grad
            else None
            for latents in (given, wanted)
        ]
        if gradients[0] is None or not torch.allclose(gradients[0], gradients[1]):
            return f"The gradient of latent {t + 1} by the first hidden state is {_size(gradients[0])}: it is cut."
    return ""


def _size(gradient: torch.Tensor | None) -> str:
    return "missing" if gradient is None else f"of the size {gradient.norm().item():.3g}"


@exercise(
    "13.5",
    "The reward rises, and so does something that was to cost.",
    "Take two tries with right answers, a short and a long one. Which of them is worth more?",
    "A price is taken off.",
)
def what_thinking_costs(answer: Any) -> str:
    """total(correct, n_latents, price): thinking longer is worth less."""
    total = require_function(answer)
    short, long = float(total(1.0, 2, 0.1)), float(total(1.0, 6, 0.1))
    if long >= short:
        return f"At a price of 0.1 two latents and a right answer are worth {short:.2f}, six latents {long:.2f}."
    cases = [(1.0, 3, 0.05), (0.0, 3, 0.05), (1.0, 0, 0.5), (0.0, 4, 0.0)]
    return function_feedback(answer, cases, [0.85, -0.15, 1.0, 0.0], number_feedback)


@exercise(
    "13.6",
    "Be the policy. You do not know the answer: what do you write to be paid?",
    "Which texts that are not the answer contain it?",
    "Compare numbers, and let the whole text be one; a text that is no number is worth nothing.",
)
def paid_for_the_answer(answer: Any) -> str:
    """reward(answer, truth): 1 for the number itself, however it is written; 0 for all else."""
    reward = require_function(answer)
    cases = [("49", "49", 1), (" 49 ", "49", 1), ("049", "49", 1), ("49.0", "49", 1), ("50", "49", 0), ("", "49", 0)]
    cases += [("149", "49", 0), ("4 49", "49", 0), ("no number", "7", 0), ("1 2 3 4 5 6 7 8 9", "7", 0), ("-7", "7", 0)]
    for text, truth, wanted in cases:
        if (given := float(reward(text, truth))) != wanted:
            return f"For the answer {text!r}, where {truth} is right, it pays {given:g}."
    return ""


@exercise(
    "13.7",
    "The mean is 0 and the spread 1, as they should be. Of what?",
    "Give a group whose tries all earn the same, beside one that earns less. What should the advantages be?",
    "Tries of one question stand beside each other: the last dimension of the reshaped rewards must be the group.",
)
def within_its_group(answer: Any) -> str:
    """advantages(rewards, G): compared within the question's own tries."""
    compare = require_function(answer)
    easy_and_hard = torch.tensor([1.0, 1.0, 1.0, 0.0, 0.0, 0.0])
    given = compare(easy_and_hard.clone(), 3)
    if not isinstance(given, torch.Tensor) or given.shape != easy_and_hard.shape or bool((given.abs() > 1e-3).any()):
        shown = [round(x, 2) for x in given.flatten().tolist()] if isinstance(given, torch.Tensor) else given
        return f"Three right tries at one question, three wrong ones at another teach nothing, and it gives {shown}."
    cases = [(torch.tensor([1.0, 0.0, 0.0, 0.0, 1.0, 1.0]), 3), (torch.tensor([2.0, 1.0, 5.0, 5.0]), 2)]
    wanted = [group_advantages(*case) for case in cases]
    return function_feedback(answer, cases, wanted, lambda got, right: tensor_feedback(got, right, 5e-3))


@exercise(
    "13.8",
    "A table that has learned nothing but its rows is right on many test questions. How?",
    "Look for a question that occurs more than once, with another label.",
    "Divide the different questions first, and then let every row follow its question.",
)
def nothing_leaks(answer: Any) -> str:
    """split(rows, share, rng) -> (train, test) of (question, label) rows: no question on both sides."""
    divide = require_function(answer)
    rows = [(f"{i}+{i % 7}", f"label {k}") for i in range(60) for k in range(1 + i % 3)]
    sides = [divide(list(rows), 0.25, random.Random(seed)) for seed in (0, 1)]
    for train, test in sides:
        both = {question for question, _ in train} & {question for question, _ in test}
        if both:
            return f"{len(both)} of 60 questions are in both parts, such as {sorted(both)[0]}."
        if sorted([*train, *test]) != sorted(rows):
            return (
                f"There were {len(rows)} rows, and there are {len(train)} in the one part and {len(test)} in the other."
            )
        if not 0.1 <= len(test) / len(rows) <= 0.4:
            return f"A quarter was asked for, and the test part has {len(test)} of {len(rows)} rows."
    return "Two seeds give the same parts: use rng." if sorted(sides[0][1]) == sorted(sides[1][1]) else ""


@exercise(
    "13.9",
    "Forty checkpoints of one and the same skill: why is the chosen one better?",
    "What has the test set been used for, before its number was reported?",
    "Choose on validation; read the test number of the chosen one once.",
)
def chosen_blind(answer: Any) -> str:
    """choose(validation, test) -> (index, reported accuracy)."""
    cases = [([0.5, 0.7, 0.6], [0.9, 0.6, 0.8]), ([0.9, 0.1], [0.3, 0.8]), ([0.4], [0.2])]
    wanted = [[1, 0.6], [0, 0.3], [0, 0.2]]
    return function_feedback(answer, cases, wanted, list_feedback)


@exercise(
    "13.10",
    "The interval became four times narrower, and no question was added.",
    "Sixteen tries at one question: are they sixteen questions? What would 16 copies of each row do to the interval?",
    "Take the mean of every question first. Then s over the root of the number of questions, times 1.96.",
)
def width_over_questions(answer: Any) -> str:
    """half_width(rewards): rows of tries by question; 1.96 standard errors of the mean over questions."""
    width = require_function(answer)
    rows = [[1, 0, 1, 1], [0, 0, 0, 0], [1, 1, 1, 1], [0, 1, 0, 0]]
    once, copied = float(width([list(row) for row in rows])), float(width([row * 4 for row in rows]))
    if abs(once - copied) > 1e-3:
        return f"The half width is {once:.3f}; with every try written down four times it is {copied:.3f}."
    means = [statistics.fmean(row) for row in rows]
    return number_feedback(once, 1.96 * statistics.stdev(means) / len(means) ** 0.5)
