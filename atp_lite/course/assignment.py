"""An assignment to be marked: the eight parts of a planner, on the course's numbers and on hidden ones.

Hidden numbers come from a seed that the teacher keeps. `score` gives what Gradescope reads from `results.json`, as
Otter-Grader writes it; `python -m tools.assignment` makes the notebook, Otter's test files and the marks.
"""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from atp_lite.course.grading import NoAnswer, Wrong, answered, grade, require_function, tensor_feedback
from atp_lite.course.parts import REFERENCE
from atp_lite.domains import ArithmeticSettings, equivalent_chains, generate

POINTS = 2
"""For a part on the course's numbers, and again on hidden ones."""


def hidden_feedback(name: str, part: Any, seed: int) -> str:
    """What is wrong with a part on numbers drawn with this seed, "" where nothing is.

    Raises:
        ValueError: there is no such part.
    """
    if name not in REFERENCE:
        raise ValueError(f"no part is called {name!r}: choose from {', '.join(REFERENCE)}")
    try:
        function = require_function(answered(part))
        found = _chains(function, seed) if name == "verify" else _numbers(name, function, seed)
    except NoAnswer:
        found = "There is no answer yet."
    except Wrong as error:
        found = str(error)
    return found


def _numbers(name: str, function: Callable[..., Any], seed: int) -> str:
    """A part beside the package's own, in value and in gradient, on five draws."""
    source = torch.Generator().manual_seed(seed)

    def normal(*shape: int) -> Tensor:
        return torch.randn(*shape, generator=source)

    for _ in range(5):
        rows, long, wide = (int(torch.randint(2, 6, (), generator=source)) for _ in range(3))
        marks = torch.rand(rows, long, generator=source) < 0.6
        marks[0, 0] = True
        matrix, learned = normal(wide, wide), normal(rows, wide).requires_grad_()
        scores = normal(rows, long, wide).requires_grad_()
        arguments: dict[str, tuple[Any, ...]] = {
            "think": (lambda h, m=matrix: torch.tanh(h @ m), lambda z, m=matrix: (z @ m.T).sin(), learned, long),
            "reparameterise": (learned, 0.7 * learned, normal(rows, wide)),  # the gradient of both
            "kl": (scores, normal(rows, long, wide)),
            "decoder_loss": (scores, torch.randint(wide, (rows, long), generator=source), marks),
            "stop_loss": (scores[..., 0], torch.rand(rows, long, generator=source) < 0.3, marks),
            "advantages": ((torch.rand(rows * long, generator=source) < 0.5).float(), long),
            "surrogate": (scores.exp(), normal(rows, long, wide), 0.1 * long),
        }
        given, wanted = function(*arguments[name]), REFERENCE[name](*arguments[name])
        if found := tensor_feedback(given, wanted.detach(), 5e-3):
            return f"On hidden numbers {found}"
        of = learned if name in ("think", "reparameterise") else scores
        if wanted.requires_grad:
            gradients = [_gradient(value, of) for value in (given, wanted)]
            if not torch.allclose(*gradients, rtol=1e-2, atol=1e-3):
                return "On hidden numbers its gradient is not right."
    return ""


def _gradient(value: Tensor, of: Tensor) -> Tensor:
    """Of the last number, which has everything before it behind it; 0 where nothing passes."""
    if not value.requires_grad:
        return torch.zeros_like(of)
    found = torch.autograd.grad(value.flatten()[-1], of, retain_graph=True, allow_unused=True)[0]
    return torch.zeros_like(of) if found is None else found


def _chains(function: Callable[..., Any], seed: int) -> str:
    """Right chains of hidden questions, in every order, earn the same, and more than chains with a fault."""
    drawn = random.Random(seed).sample(generate(ArithmeticSettings(), "test", {3: 200, 4: 200}), 12)
    for problem, other in zip(drawn, [*drawn[1:], drawn[0]], strict=True):
        chains, answer = list(equivalent_chains(problem)), problem.answer
        right = [float(function(problem.question, list(chain), answer)) for chain in chains]
        steps = list(problem.steps)
        faulty = [
            (steps[:-1], answer),
            (steps[::-1], answer),
            ([*steps, steps[-1]], answer),
            (list(other.steps), other.answer),
            (steps, f"{int(answer) + 1}"),
        ]
        wrong = [float(function(problem.question, list(chain), said)) for chain, said in faulty]
        if max(right) - min(right) > 1e-6:
            return f"Right chains of a hidden question earn {min(right):.2f} and {max(right):.2f}."
        if max(wrong) >= min(right):
            return f"For a hidden question a chain with a fault earns {max(wrong):.2f}, a right one {min(right):.2f}."
    return ""


def score(answers: Mapping[str, Any], seed: int) -> dict[str, Any]:
    """Marks for the parts among these names, two tests each, as Gradescope reads them."""
    tests = []
    for name in REFERENCE:
        public = grade(f"build.{name}", answers.get(name))[1]
        for what, feedback, visibility in (
            ("on the course's numbers", public, "visible"),
            ("on hidden numbers", hidden_feedback(name, answers.get(name), seed), "after_published"),
        ):
            mark = {"name": f"{name} {what}", "score": 0 if feedback else POINTS, "max_score": POINTS}
            tests.append(mark | {"output": feedback or "right", "visibility": visibility})
    return {"score": sum(test["score"] for test in tests), "tests": tests}


def write_score(answers: Mapping[str, Any], seed: int, out: str) -> None:
    """`score` as JSON."""
    Path(out).write_text(json.dumps(score(answers, seed), indent=1) + "\n", encoding="utf-8")
