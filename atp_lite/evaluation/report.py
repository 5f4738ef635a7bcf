"""One table over several test sets, beside the paper's figures; as Markdown and as JSON."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

import atp_lite
from atp_lite.domains import data_hash
from atp_lite.engine.folder import write_atomically
from atp_lite.evaluation.engine import Evaluation
from atp_lite.evaluation.metrics import Estimate, mean_of_sets
from atp_lite.evaluation.sets import ProblemSet


@dataclass(frozen=True)
class Reported:
    """An accuracy of the paper."""

    accuracy: float
    """Percent."""
    mark: Literal["", "?", "~"] = ""
    """?: taken from a summary, not certain. ~: not given, but implied by the mean of the four."""

    def __str__(self) -> str:
        return f"{self.accuracy} {self.mark}".rstrip()


PAPER: dict[str, Reported] = {
    "gsm8k": Reported(42.3, "?"),
    "gsm_hard": Reported(9.9, "~"),
    "multiarith": Reported(94.4),
    "svamp": Reported(44.2, "?"),
}
"""Benchmark -> greedy accuracy of ATP-Latent, LLaMA-3.2-1B-Instruct trained on GSM8K-Aug (arXiv 2601.21598).

GSM8K-Aug has GSM8K's test split. Which rows of SVAMP (300 or 1000) and of MultiArith (180 or 600) the paper took is not
known here.
"""
PAPER_MEAN = 47.7
"""Mean of the four, percent."""
PAPER_TOKENS = 8.4
"""Tokens per problem, mean of the four; what it counts as a token is not known here."""
FOUR = frozenset(PAPER)
MARKS = {
    "?": "`?`: read in a summary of the paper, not certain.",
    "~": "`~`: read nowhere; what the paper's mean implies.",
}


def throughput(costs: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Trajectories and tokens per second of each pass, and all its seconds. Tokens: latents and answer tokens."""
    found = {}
    for name in dict.fromkeys(cost["pass"] for cost in costs):
        own = [cost for cost in costs if cost["pass"] == name]
        total = {key: sum(cost[key] for cost in own) for key in ("trajectories", "tokens", "seconds")}
        seconds = max(total["seconds"], 1e-9)
        found[name] = {
            "problems_per_second" if name == "greedy" else "trajectories_per_second": total["trajectories"] / seconds,
            "tokens_per_second": total["tokens"] / seconds,
        } | total
    return {"wall_seconds": sum(rates["seconds"] for rates in found.values())} | found


@dataclass
class Report:
    """The evaluations of one checkpoint."""

    checkpoint: str
    sets: dict[str, ProblemSet]
    evaluations: dict[str, Evaluation]
    """By the name of the set."""
    throughput: dict[str, dict[str, Any]]
    """By the name of the set: see `throughput`."""

    def summaries(self) -> dict[str, dict[str, Estimate]]:
        """Set -> metric -> estimate. With several sets, `mean` has what they all have."""
        found = {name: evaluation.summary() for name, evaluation in self.evaluations.items()}
        if len(found) > 1:
            names = [name for name in next(iter(found.values())) if all(name in m for m in found.values())]
            found["mean"] = {name: mean_of_sets([m[name] for m in found.values()]) for name in names}
        return found

    @property
    def has_four(self) -> bool:
        """The sets are the paper's four, so that its means stand beside ours."""
        keys = [(s.benchmark or "").replace("gsm8k_aug", "gsm8k") for s in self.sets.values()]
        return len(keys) == 4 and set(keys) == FOUR

    def paper(self, name: str) -> str:
        """The paper's accuracy beside a row of the table; empty where it has none."""
        if name == "mean":
            return str(PAPER_MEAN) if self.has_four else ""
        key = (self.sets[name].benchmark or "").replace("gsm8k_aug", "gsm8k")
        return str(PAPER[key]) if key in PAPER else ""

    def rows(self) -> list[dict[str, str]]:
        """The table, a dictionary of cells a row. A column that no row has anything in is left out."""
        made = []
        for name, metrics in self.summaries().items():
            k = max((int(key[5:]) for key in metrics if key.startswith("pass@")), default=0)
            made.append(
                {
                    "test set": name,
                    "problems": self.sets[name].size if name in self.sets else "",
                    "accuracy % [95 %]": _percent(metrics.get("accuracy")),
                    "paper %": self.paper(name),
                    f"pass@{k} % [95 %]": _percent(metrics.get(f"pass@{k}")),
                    "latents": _plain(metrics.get("latents")),
                    "answer tokens": _plain(metrics.get("answer_tokens")),
                    "coherence %": f"{100 * metrics['coherence'].mean:.1f}" if "coherence" in metrics else "",
                }
            )
        used = [column for column in made[0] if any(row.get(column) for row in made)]
        return [{column: row.get(column, "") for column in used} for row in made]

    def to_markdown(self, details: bool = True) -> str:
        """The table over the sets and what to know of it; with `details` then each set by number of steps."""
        rows = self.rows()
        lines = ["| " + " | ".join(rows[0]) + " |", "|---" * len(rows[0]) + "|"]
        lines += ["| " + " | ".join(row.values()) + " |" for row in rows]
        lines += ["", *(f"- {note}" for note in self.notes())]
        if details:
            for name, evaluation in self.evaluations.items():
                lines += ["", f"## {name}", "", evaluation.to_markdown()]
        return "\n".join(lines)

    def notes(self) -> list[str]:
        """What to know of the table."""
        notes = ["95 % intervals over problems: Wilson for accuracy and right numbers of steps, normal for the rest."]
        if len(self.sets) > 1:
            notes.append("The mean counts every set alike; its interval takes the sets to be independent.")
        cells = " ".join(map(self.paper, self.summaries()))
        if cells.strip():
            tokens = f"; it reports {PAPER_TOKENS} tokens per problem" if self.has_four else ""
            notes.append(f"Paper: ATP-Latent, LLaMA-3.2-1B-Instruct, arXiv 2601.21598{tokens}.")
            notes += [note for mark, note in MARKS.items() if mark in cells]
        for name, evaluation in self.evaluations.items():
            if evaluation.settings.relative:
                notes.append(f"{name}: right within a share of {evaluation.settings.relative:g} of the reference.")
        if any(evaluation.settings.answers == "last number" for evaluation in self.evaluations.values()):
            notes.append("The answer is the last number in what was written.")
        return notes

    def to_json(self) -> dict[str, Any]:
        """Everything but the single outcomes, as plain values; `throughput` alone differs from run to run."""
        means = self.summaries().get("mean", {})
        return {
            "checkpoint": self.checkpoint,
            "atp_lite": atp_lite.__version__,
            "sets": {
                name: {"problems": len(s.problems), "data_hash": data_hash(s.problems)}
                | ({"paper": self.paper(name)} if self.paper(name) else {})
                | self.evaluations[name].to_json()
                for name, s in self.sets.items()
            },
            "mean": {name: asdict(estimate) for name, estimate in means.items()},
            "table": self.rows(),
            "throughput": self.throughput,
        }

    def save(self, folder: str | os.PathLike[str]) -> None:
        """Write report.md and report.json."""
        folder = Path(folder)
        folder.mkdir(parents=True, exist_ok=True)
        write_atomically(folder / "report.md", self.to_markdown() + "\n")
        write_atomically(folder / "report.json", json.dumps(self.to_json(), indent=1))


def _percent(estimate: Estimate | None) -> str:
    return "" if estimate is None else estimate.percent()


def _plain(estimate: Estimate | None) -> str:
    return "" if estimate is None else f"{estimate.mean:.2f}"
