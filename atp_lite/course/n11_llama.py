"""11: the full recipe for LLaMA-1B."""

from __future__ import annotations

from typing import Any

from atp_lite.course.grading import exercise, function_feedback, list_feedback, number_feedback


@exercise(
    "11.1",
    "How many numbers are there for each parameter, and how many bytes has each?",
    "The optimizer needs as much again as weights and gradients together.",
    "4 bytes a number: the weight, its gradient, and AdamW's two moments. 1 GB is 10^9 bytes.",
)
def held_by_training(answer: Any) -> str:
    """GB of weights, gradients and moments in float32 where all of 8.03 billion parameters learn: 16 bytes each."""
    return number_feedback(answer, 128.48)


@exercise(
    "11.2",
    "An epoch sees every problem once. How many steps is that, if a batch takes some?",
    "The last stage gets all epochs that are left; a part of a batch is a step too.",
    "epochs * problems / batch, rounded up. The last stage gets the epochs that the others leave.",
)
def steps_of_stages(answer: Any) -> str:
    """stage_steps(problems, batch, epochs, stages, each): optimizer steps of every stage, `each` epochs a stage."""
    cases = [(385_620, 32, 25, 10, 2), (1000, 10, 8, 3, 2), (100, 32, 4, 2, 1), (7, 7, 5, 1, 2)]
    wanted = [[24_102] * 9 + [84_355], [200, 200, 400], [4, 10], [5]]
    return function_feedback(answer, cases, wanted, list_feedback)


@exercise(
    "11.3",
    "A process with more tokens must weigh more.",
    "Undo each mean, add up, and take one mean. What does nan times 0 give?",
    "A mean over n tokens counts n times: multiply every mean by its n, add up, divide by all tokens.",
)
def mean_of_the_whole(answer: Any) -> str:
    """whole_mean(means, counts): the mean over all tokens; a process without tokens has a mean of nan."""
    nan = float("nan")
    cases = [([2.0, 1.0], [2, 6]), ([3.0], [5]), ([1.0, 2.0, 4.0, 8.0], [1, 1, 1, 5]), ([0.5, nan], [4, 0])]
    return function_feedback(answer, cases, [1.25, 3.0, 5.875, 0.5], number_feedback)


@exercise(
    "11.4",
    "How many operations does the whole run take?",
    "A card does a share of its peak in a second. Operations over that are seconds.",
    "operations * weights * tokens / (peak * utilisation) are seconds; 3600 of them are an hour.",
)
def hours_of_a_card(answer: Any) -> str:
    """gpu_hours(weights, tokens, operations, peak, utilisation)."""
    cases = [(1e9, 36e9, 6, 1e14, 0.6), (1.24e9, 7.16e8, 6, 2e13, 1.0), (2e9, 9e9, 4, 5e13, 0.2)]
    return function_feedback(answer, cases, [1000.0, 73.9867, 2000.0], number_feedback)
