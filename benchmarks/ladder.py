"""A ladder of rewards for thoughts: what each rung knows, what it buys, and how it is cheated.

    python -m benchmarks.ladder            trains and tests every rung, about three CPU minutes each; resumable
    python -m benchmarks.ladder --draw     docs/ladder.md from the kept numbers

Every rung starts from the bundled `atp-sft` and is trained as `PLAN` is, but for its reward, half of the iterations and
answers that learn nothing below the last rung. No reward but that of the last rung reads a label.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from atp_lab.compare.tables import markdown
from atp_lite.domains import DOMAINS, Problem
from atp_lite.domains.chains import canonical_step
from atp_lite.engine.folder import write_atomically
from atp_lite.evaluation import Evaluation, evaluate
from atp_lite.evaluation.metrics import Outcome, mean_interval, wilson
from atp_lite.model import Decoded
from atp_lite.planner import Planner
from atp_lite.recipes import CHECKPOINTS, PLAN, regime_data, train
from atp_lite.rl import REWARDS
from benchmarks.evidence import fill

NUMBERS, PAGE = Path("data/evidence/ladder.json"), Path("docs/ladder.md")
DOMAIN = DOMAINS["arithmetic"]
Score = Callable[[Sequence[str], str, Problem], float]
"""Steps, the planner's own answer and the problem -> a share in [0, 1]."""


def claims(steps: Sequence[str], answer: str) -> list[bool]:
    """Which steps have a use of their own: a later operand, or the answer, of equal value that no other step takes.

    The last steps choose first. Whatever they take is later than every earlier step too, so as many as can have one do.
    """
    uses = DOMAIN.coherence(steps, answer).steps
    free = [(j, value) for j, use in enumerate(uses) if use.read is not None for value in use.read.operands]
    final = DOMAIN.read_answer(answer)
    free += [] if final is None else [(len(uses), final)]
    found = [False] * len(uses)
    for i in reversed(range(len(uses))):
        read = uses[i].read
        mine = next((place for place in free if read is not None and place[0] > i and place[1] == read.rhs), None)
        if mine is not None:
            free.remove(mine)
            found[i] = True
    return found


def coherence(steps: Sequence[str], answer: str, problem: Problem) -> float:
    """The paper's: share of steps whose result is used later or is the answer."""
    return DOMAIN.coherence(steps, answer, problem.question).score


def used_once(steps: Sequence[str], answer: str, problem: Problem) -> float:
    """Share of steps that have a use of their own (`claims`)."""
    return sum(claims(steps, answer)) / max(1, len(steps))


def belonging(steps: Sequence[str], answer: str, problem: Problem) -> float:
    """Share of steps that have a use of their own and stand in one of the question's right chains."""
    needed = {canonical_step(step.text) for step in DOMAIN.needed_steps(problem.question)}
    mine = zip(steps, claims(steps, answer), strict=True)
    return sum(claimed and canonical_step(step) in needed for step, claimed in mine) / max(1, len(steps))


def chain(steps: Sequence[str], answer: str, problem: Problem) -> float:
    """Needed steps, each once and in a possible order, over max(needed, taken): the registered `chain`."""
    return DOMAIN.verify(problem, steps).share


def as_reward(score: Score) -> Callable[[Decoded, Sequence[Problem]], Tensor]:
    """The score as a reward, (B,)."""

    def reward(trace: Decoded, problems: Sequence[Problem]) -> Tensor:
        rows = zip(trace.chains, trace.answers, problems, strict=True)
        return torch.tensor([float(score(*row)) for row in rows], device=trace.latents.device)

    return reward


@dataclass(frozen=True)
class Rung:
    """A reward of the ladder."""

    title: str
    knows: str
    score: Score
    weights: Mapping[str, float]
    changes: Mapping[str, Any] = field(default_factory=lambda: {"answer_ce": 0.0})


RUNGS = {
    "coherence": Rung("coherence (the paper's)", "nothing of the question", coherence, {"coherence": 1.0}),
    "used-once": Rung("each result used once", "nothing of the question", used_once, {"used-once": 1.0}),
    "belonging": Rung("... by steps of the question", "which steps it needs", belonging, {"belonging": 1.0}),
    "chain": Rung("each once, in a possible order", "which it needs, and what they use", chain, {"chain": 1.0}),
    "chain-answer": Rung("... and the true answer", "that, and the label", chain, {"chain": 1.0}, {"answer_ce": 1.0}),
}
SETTINGS = replace(PLAN, iterations=PLAN.iterations // 2)


def facts(found: Evaluation, problems: Sequence[Problem], score: Score | None) -> dict[str, Any]:
    """What an evaluation says on every rung. score: of the rung that was trained on; None for the start."""
    outcomes = found.outcomes
    values = {name: scores(rung.score, outcomes, problems) for name, rung in RUNGS.items() if name != "chain-answer"}
    summary = {key: estimate.to_json() for key, estimate in found.summary().items()}
    row: dict[str, Any] = {key: summary[key] for key in ("accuracy", "right_chains_1", "right_chains_several")}
    row["steps"] = mean_interval([len(outcome.steps) for outcome in outcomes]).to_json()
    row["scores"] = {name: mean_interval(shares, share=True).to_json() for name, shares in values.items()}
    if score is not None:
        full = [o for o, value in zip(outcomes, scores(score, outcomes, problems), strict=True) if value == 1]
        cheats = [outcome for outcome in full if not outcome.right_chain]
        row["cheats"] = wilson(len(cheats), len(outcomes)).to_json()
        row["examples"] = [[outcome.question, list(outcome.steps), outcome.answer] for outcome in cheats[:3]]
    return row


def scores(score: Score, outcomes: Sequence[Outcome], problems: Sequence[Problem]) -> list[float]:
    """The score of each outcome."""
    return [score(outcome.steps, outcome.answer, problem) for outcome, problem in zip(outcomes, problems, strict=True)]


def measure(folder: Path) -> dict[str, Any]:
    """Trains what is not trained yet, tests everything, and keeps each line as it comes."""
    data, start = regime_data("clean"), CHECKPOINTS / "atp-sft"
    for name in set(RUNGS) - set(REWARDS) - {"chain-answer"}:
        REWARDS.register(name)(as_reward(RUNGS[name].score))
    numbers = json.loads(NUMBERS.read_text()) if NUMBERS.is_file() else {"iterations": SETTINGS.iterations, "rungs": {}}
    if "start" not in numbers["rungs"]:
        numbers["rungs"]["start"] = facts(evaluate(Planner.from_pretrained(start), data["test"]), data["test"], None)
    for name, rung in RUNGS.items():
        if name not in numbers["rungs"]:
            settings = replace(SETTINGS, rewards=dict(rung.weights), **rung.changes)
            last = train(Planner.from_pretrained(start), settings, data, folder / name)
            found = evaluate(Planner.from_pretrained(last), data["test"])
            numbers["rungs"][name] = facts(found, data["test"], rung.score)
            write_atomically(NUMBERS, json.dumps(numbers, indent=1) + "\n")
    return numbers


# ----------------------------------------------------------------------- page


def percent(estimate: Mapping[str, float]) -> str:
    """100 * mean [low, high]."""
    return "{:.1f} [{:.1f}, {:.1f}]".format(*(100 * estimate[key] for key in ("mean", "low", "high")))


def tables(numbers: Mapping[str, Any]) -> dict[str, str]:
    """What was bought, what every rung says of it, and an example of each cheat; by the tables' names."""
    rungs = numbers["rungs"]
    titles = {"start": "before (imitation)"} | {name: rung.title for name, rung in RUNGS.items()}
    bought, seen, examples = [], [], []
    for name, title in titles.items():
        if (row := rungs.get(name)) is None:
            continue
        knows = RUNGS[name].knows if name in RUNGS else ""
        bought.append(
            [title, knows, percent(row["right_chains_1"]), percent(row["right_chains_several"])]
            + [
                percent(row["accuracy"]),
                f"{row['steps']['mean']:.2f}",
                percent(row["cheats"]) if "cheats" in row else "",
            ]
        )
        seen.append([title, *(f"{100 * row['scores'][other]['mean']:.1f}" for other in row["scores"])])
        examples += [
            [title, f"`{q}`", f"`{'; '.join(steps)}`", answer] for q, steps, answer in row.get("examples", [])[:1]
        ]
    header = ["reward", "it knows", "right chains where one is right, %", "where several are, %", "right answers, %"]
    others = [rung.title for name, rung in RUNGS.items() if name != "chain-answer"]
    return {
        "ladder": markdown([*header, "steps", "full reward, wrong chain, %"], bought),
        "ladder-seen": markdown(["trained on", *others], seen),
        "ladder-cheats": markdown(["trained on", "question", "decoded thoughts", "answer"], examples),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=Path, default=Path("runs/ladder"))
    parser.add_argument("--draw", action="store_true")
    given = parser.parse_args()
    torch.set_num_threads(1)
    numbers = json.loads(NUMBERS.read_text()) if given.draw else measure(given.runs)
    PAGE.write_text(fill(PAGE.read_text(), tables(numbers)))


if __name__ == "__main__":
    main()
