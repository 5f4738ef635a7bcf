"""The assignment "build the planner": a notebook for learners, Otter-Grader's tests, and marks.

    python -m tools.assignment write FOLDER --seed 7            student/build_the_planner.ipynb, teacher/tests/*.py
    python -m tools.assignment grade SUBMISSION.ipynb --seed 7  results.json beside it, as Gradescope reads it

The seed is the teacher's: hidden numbers are drawn with it. Marking runs the notebook, somebody else's code: do it
where such code may run. Otter-Grader is needed for its own tests only (`pip install otter-grader`), not for `grade`.
"""

from __future__ import annotations

import argparse
import inspect
import json
import sys
from pathlib import Path

import nbformat
from nbformat import v4

from atp_lite.course.assignment import POINTS
from atp_lite.course.parts import REFERENCE
from tools.notebooks import execute

OTTER = """\
from otter.test_files import test_case

from atp_lite.course import grade
from atp_lite.course.assignment import hidden_feedback

OK_FORMAT = False
name = "{name}"
points = {whole}


@test_case(points={points})
def test_{name}(env):
    right, feedback = grade("build.{name}", env.get("{name}"))
    assert right, feedback


@test_case(points={points}, hidden=True)
def test_{name}_on_hidden_numbers(env):
    feedback = hidden_feedback("{name}", env.get("{name}"), {seed})
    assert not feedback, feedback
"""
INTRODUCTION = """\
# Build the planner

Eight functions. `check` runs each on numbers, and `hint` helps; the marks count these and hidden numbers.
`train` at the end puts what you have into a real run: one to two minutes of processor time.
"""


def student_notebook() -> nbformat.NotebookNode:
    """Stubs with what each function gets and gives, and its check."""
    first = "import torch\nfrom torch.nn import functional as F\n\nfrom atp_lite.course import check, hint, train"
    cells = [v4.new_markdown_cell(INTRODUCTION), v4.new_code_cell(first)]
    for name, part in REFERENCE.items():
        names = ", ".join(inspect.signature(part).parameters)
        cells.append(v4.new_markdown_cell(f"## {name}\n\n`{name}({names})`: {SAID[name]}"))
        cells.append(v4.new_code_cell(f'def {name}({names}):\n    return None\n\n\ncheck("build.{name}", {name})'))
    parts = ", ".join(f'"{name}": {name}' for name in REFERENCE)
    cells.append(v4.new_code_cell(f"found = train({{{parts}}})"))
    return v4.new_notebook(cells=cells, metadata={"kernelspec": {"name": "python3", "display_name": "Python 3"}})


SAID = {
    "think": "`imagine(hidden)` makes a latent (B, d), `read(latent)` the next hidden state. All n latents, (B, n, d).",
    "reparameterise": "a draw from N(mu, sigma^2) with the noise eps, through which gradients pass; all (..., d).",
    "kl": "KL( N(mu, sigma^2) || N(0, I) ) in nats, summed over the last dimension.",
    "decoder_loss": "logits (N, W, V), tokens (N, W), real (N, W): the mean cross-entropy of the real tokens, in nats.",
    "stop_loss": "logits, stopped, real (B, T): the mean of -log p(decision) over real places, in nats.",
    "verify": "what a chain and its answer earn, from 0 to 1: right chains, in any right order, more than all others.",
    "advantages": "rewards (B,); group_size neighbours share a question. Each less its group's mean, over its spread.",
    "surrogate": "the clipped objective min(rho A, clamp(rho, 1 - clip, 1 + clip) A) of every action.",
}


def write(folder: Path, seed: int) -> None:
    """The two halves of the assignment, for learners and for the teacher."""
    for half in ("student", "teacher/tests"):
        (folder / half).mkdir(parents=True, exist_ok=True)
    nbformat.write(student_notebook(), folder / "student" / "build_the_planner.ipynb")
    for name in REFERENCE:
        text = OTTER.format(name=name, points=POINTS, whole=2 * POINTS, seed=seed)
        (folder / "teacher" / "tests" / f"{name}.py").write_text(text, encoding="utf-8")


def mark(submission: Path, seed: int, out: Path) -> dict:
    """Run a notebook, whatever in it fails, and write and return the marks of its functions."""
    notebook = nbformat.read(submission, as_version=4)
    train_nothing = "import atp_lite.course.build\natp_lite.course.train = lambda *a, **k: None"
    marks = (
        f"from atp_lite.course.assignment import write_score\nwrite_score(globals(), {seed}, {str(out.resolve())!r})"
    )
    notebook.cells = [v4.new_code_cell(train_nothing), *notebook.cells, v4.new_code_cell(marks)]
    for cell in notebook.cells[:-1]:
        if cell.cell_type == "code":
            cell.metadata["tags"] = ["raises-exception"]
    execute(notebook, submission.parent)
    found: dict = json.loads(out.read_text(encoding="utf-8"))
    return found


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m tools.assignment")
    parser.add_argument("what", choices=("write", "grade"))
    parser.add_argument("path", type=Path)
    parser.add_argument("--seed", type=int, required=True, help="hidden numbers are drawn with it: keep it to yourself")
    given = parser.parse_args(arguments)
    if given.what == "write":
        write(given.path, given.seed)
        return 0
    found = mark(given.path, given.seed, given.path.with_name("results.json"))
    print(f"{given.path.name}: {found['score']} of {2 * POINTS * len(REFERENCE)} points")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
