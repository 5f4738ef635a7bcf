"""02: words or nothing."""

from __future__ import annotations

from math import exp
from typing import Any

from atp_lite.course.grading import exercise, function_feedback, list_feedback, marks_feedback
from atp_lite.tokens import END_LATENT, START_LATENT


@exercise(
    "02.1",
    "Write one step down, and count its tokens with the mark at its end.",
    "After the steps come the answer and the end of the text; without steps these two are all there is.",
    "Six tokens a step, the answer, the end. Without steps there are the answer and the end.",
)
def price_of_words(answer: Any) -> str:
    """Five steps of `a op b = c ;`, the answer and `<eos>`."""
    return list_feedback(answer, [32, 2])


@exercise(
    "02.2",
    "Three of the four positions may be looked at. Which one may not?",
    "Attention scores are products, made smaller by the root of the dimension, then turned into shares.",
    "Divide the products 4, 0, 2 by the root of 4, then softmax over these three. Nobody looks ahead.",
)
def attention_by_hand(answer: Any) -> str:
    """Scores 2, 0, 1 and a fourth, masked position."""
    total = exp(2) + exp(0) + exp(1)
    return list_feedback(answer, [exp(2) / total, exp(0) / total, exp(1) / total, 0.0])


@exercise(
    "02.3",
    "Every token predicts the one after it. Which predictions are the model's own work?",
    "The question is given, so nothing that predicts it counts. The words begin behind one special token.",
    "<|end-latent|> is the first that counts: it predicts the first word. The last one predicts <eos>.",
)
def loss_mask(answer: Any) -> str:
    """counted(tokens) of one row, padded on the left, on the right, or not at all."""
    rows = [
        (["5"], ["5"], 0, 0),
        (["3", "+", "4"], ["7"], 1, 1),
        (["3", "+", "4"], ["3", "+", "4", "=", "7", ";", "7"], 2, 0),
        (["(", "1", "+", "2", ")", "*", "3"], ["9"], 0, 4),
    ]
    cases, wanted = [], []
    for question, words, left, right in rows:
        before = ["<pad>"] * left + question + [START_LATENT]
        cases.append((before + [END_LATENT] + words + ["<eos>"] + ["<pad>"] * right,))
        wanted.append([0] * len(before) + [1] * (len(words) + 1) + [0] * (right + 1))
    return function_feedback(answer, cases, wanted, marks_feedback)


class Table:
    """A toy language model over five tokens: after the last token comes `follow[last]`, but never before `length`."""

    def __init__(self, follow: dict[int, int], length: int) -> None:
        self.follow, self.length = follow, length

    def __call__(self, tokens: list[int]) -> list[float]:
        likeliest = 4 if len(tokens) >= self.length else self.follow[tokens[-1]]
        return [1.0 if token == likeliest else -0.1 * token for token in range(5)]

    def __repr__(self) -> str:
        return f"<a model that ends a text of {self.length} tokens>"


@exercise(
    "02.4",
    "One turn of the loop: scores in, one token out. What goes into the next turn?",
    "The model must read what it has written so far, behind the prompt. There are two ways for the loop to end.",
    "Take the scores of prompt + written, append the place of the largest. Stop after `end` or `limit`.",
)
def greedy(answer: Any) -> str:
    """greedy(scores, prompt, end, limit): token 4 is the end."""
    circle, step = {0: 1, 1: 2, 2: 0, 3: 3}, {0: 2, 1: 3, 2: 1, 3: 0}
    cases = [
        (Table(circle, 5), [0], 4, 10),
        (Table(step, 6), [3, 0], 4, 10),
        (Table(circle, 20), [1, 0], 4, 6),  # the limit comes first
        (Table(step, 1), [2], 4, 3),  # the end comes at once
    ]
    wanted = [[1, 2, 0, 1, 4], [2, 1, 3, 0, 4], [1, 2, 0, 1, 2, 0], [4]]
    return function_feedback(answer, cases, wanted, list_feedback)
