"""The evaluation engine: one for training, `atp-lite eval`, comparisons, cards, notebooks and measures of noise.

What it finds depends on the planner, the problems and the settings, and not on how the work is divided:

- A sampled trajectory draws from a stream of its own, seeded by (seed, place of the problem, number of the sample).
- A batch of another size rounds differently. Where a token or a stop was decided by less than `CLOSE`, the batch is
  divided until those trajectories stand alone, where they are the same whatever batch they came from.

So the batch size, the number of processes and an interruption change no answer and no decoded step. In bfloat16
rounding errors are larger than any sensible `CLOSE`: there a near-tie may fall either way.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial
from typing import Any, Literal

import torch
from accelerate import Accelerator
from accelerate.utils import gather_object
from tqdm.auto import tqdm

from atp_lite.domains import Domain, Problem, measured, same_answer
from atp_lite.engine.settings import require_between, require_positive
from atp_lite.engine.sharding import summon_full_params
from atp_lite.evaluation.batches import Batches, Job, Made, Row, with_margin
from atp_lite.evaluation.metrics import (
    LABELS,
    Estimate,
    Outcome,
    Record,
    outcomes,
    summarise,
    summarise_samples,
    wilson,
)
from atp_lite.model import RowNoise
from atp_lite.model.trace import Decoded
from atp_lite.planner import Planner

Cost = dict[str, Any]
"""Of a pass over a batch: pass, trajectories, tokens, seconds."""


@dataclass(frozen=True)
class EvalSettings:
    """How to evaluate."""

    batch_size: int = 500
    """Trajectories reasoned about at once; halved where memory runs out. It changes no result."""
    samples: int = 0
    """Sampled trajectories per problem for pass@k and accuracy under sampling; 0 leaves them out."""
    sigma: float | None = None
    """One standard deviation for sampled latents; None samples with the head's own."""
    temperature: float | None = None
    """Temperature of sampled answers; None samples the latents only and answers greedily."""
    max_latents: int | None = None
    """The most latents thought per problem; None takes the checkpoint's own limit."""
    decode: bool = True
    """Decode the thoughts; False is faster and leaves coherence and the step metrics out."""
    greedy: bool = True
    """Reason greedily once about every problem; False leaves everything but the sampled metrics out."""
    diversity: bool = False
    """Decode the sampled trajectories too, and count the distinct and the right chains of each problem."""
    answers: Literal["whole", "last number"] = "whole"
    """What counts as the answer: all that was written (compared as a number, where the reference is one), or the last
    number in it (for models that answer in a sentence)."""
    relative: float = 0.0
    """How far an answer may be from the reference, as a share of it; 0: exactly, but where `atp-lite eval` knows better
    (GSM-Hard's references are noisy: 1e-6)."""
    seed: int = 0
    """Seed of the sampled trajectories."""

    def __post_init__(self) -> None:
        require_positive(self, "batch_size")
        require_between(self, "[0, inf)", "samples", "max_latents", "relative", "seed")
        require_between(self, "[0, 100]", "sigma")
        require_between(self, "[1e-6, 100]", "temperature")
        if not (self.greedy or self.samples):
            raise ValueError("greedy is off and samples is 0, so nothing would be evaluated: give samples, or greedy")

    def fitted(self, planner: Planner) -> EvalSettings:
        """The settings without decoding, where the planner has no steps or nobody can read them."""
        config = planner.model.config
        unread = config.layout == "dropped" or (config.max_latents > 0 and planner.model.decoder is None)
        return replace(self, decode=False) if unread else self

    def judge(self, domain: Domain) -> Callable[[str, str], bool]:
        """(answer, reference) -> whether it is right."""
        return partial(same_answer if self.answers == "last number" else domain.is_right, relative=self.relative)


@dataclass
class Evaluation:
    """What became of every problem of a test set, in its order, and what that adds up to."""

    records: list[Record]
    settings: EvalSettings

    @property
    def outcomes(self) -> list[Outcome]:
        """Of the greedy pass; empty where there was none."""
        return [record.outcome for record in self.records if record.outcome]

    @property
    def sigma(self) -> float:
        """Mean posterior standard deviation over all latents; 0 where the model thought none."""
        found = [(r.sigma * r.outcome.n_latents, r.outcome.n_latents) for r in self.records if r.outcome]
        return sum(total for total, _ in found) / max(sum(count for _, count in found), 1)

    @property
    def accuracy(self) -> Estimate:
        return wilson(sum(o.correct for o in self.outcomes), len(self.outcomes))

    def summary(self) -> dict[str, Estimate]:
        greedy = summarise(self.outcomes, self.settings.decode) if self.outcomes else {}
        return greedy | summarise_samples(self.records)

    def by_steps(self) -> dict[int, dict[str, Estimate]]:
        """The greedy metrics for each number of reference steps."""
        lengths = sorted({o.n_steps for o in self.outcomes})
        return {n: summarise([o for o in self.outcomes if o.n_steps == n], self.settings.decode) for n in lengths}

    def to_json(self) -> dict[str, Any]:
        """Everything but the single outcomes, as plain values."""

        def plain(metrics: dict[str, Estimate]) -> dict[str, Any]:
            return {name: estimate.to_json() for name, estimate in metrics.items()}

        return {
            "settings": asdict(self.settings),
            "sigma": round(self.sigma, 4),
            "metrics": plain(self.summary()),
            "by_steps": {str(n): plain(metrics) for n, metrics in self.by_steps().items()},
        }

    def to_markdown(self) -> str:
        """A table: all problems first, then each number of steps. Percentages with 95 % intervals over problems."""
        columns = {"all": self.summary()}
        if any(o.n_steps for o in self.outcomes):
            columns |= {f"{n} steps": m for n, m in self.by_steps().items()}
        counts = [m["accuracy"].n if "accuracy" in m else len(self.records) for m in columns.values()]
        lines = ["| metric | " + " | ".join(columns) + " |", "|---" * (len(columns) + 1) + "|"]
        lines.append("| problems | " + " | ".join(map(str, counts)) + " |")
        for name in columns["all"]:
            found = [metrics.get(name) for metrics in columns.values()]
            in_units = name in ("latents", "answer_tokens")
            cells = ["" if e is None else f"{e.mean:.2f}" if in_units else e.percent() for e in found]
            lines.append(f"| {LABELS.get(name, name)} | " + " | ".join(cells) + " |")
        return "\n".join(lines)


def evaluate(
    planner: Planner, problems: Iterable[Problem], settings: EvalSettings | None = None, progress: bool = False
) -> Evaluation:
    """Let the planner reason about every problem once, greedily, and `settings.samples` times sampled.

    The greedy pass takes the mean of every latent and the likeliest tokens, so it is the same every time.

    Under `accelerate launch` all processes must call this: each reasons about problems of its own, every problem once,
    and all of them return the evaluation of the whole set. They compute in the precision that the launcher was given,
    as training does.

    Raises:
        ValueError: there is no problem to evaluate on, or one alone does not fit into memory.
    """
    problems, settings = list(problems), (settings or EvalSettings()).fitted(planner)
    if not problems:
        raise ValueError("no problems to evaluate on: the file or split is empty")
    scorer = Scorer(planner, problems, settings, Batches(settings.batch_size))
    return Evaluation(score(Accelerator(), scorer, progress=progress), settings)


def score(
    accelerator: Accelerator,
    scorer: Scorer,
    done: Sequence[Record] = (),
    keep: Callable[[list[Record], list[Cost]], None] = lambda records, costs: None,
    progress: bool = False,
) -> list[Record]:
    """A record of every problem, in order. All processes must call this, and all return all of them.

    Args:
        done: what is there already.
        keep: is given the records of every batch, and what its passes cost, as soon as they are there.
    """
    problems, batches, model = scorer.problems, scorer.batches, scorer.planner.model
    rank, world = accelerator.process_index, accelerator.num_processes
    batches.exact = accelerator.mixed_precision == "no" and model.dtype in (torch.float32, torch.float64)
    records = {record.position: record for record in done}
    length = lambda i: (len(problems[i].question), len(problems[i].steps))  # noqa: E731
    todo = sorted((i for i in range(len(problems)) if i not in records), key=length)  # neighbours need little padding
    was_training = model.training
    model.train(False)
    try:
        with (
            summon_full_params(model),
            accelerator.autocast(),
            tqdm(total=len(problems), initial=len(records), desc=scorer.name, disable=rank > 0 or not progress) as bar,
        ):
            while todo:
                batch, todo = todo[: batches.size * world], todo[batches.size * world :]
                made, spent = scorer.score(batch[rank::world])
                parts = gather_object([(made, spent, batches.size)])  # one of every process
                batches.size = min(size for _, _, size in parts)
                fresh = sorted((record for part, _, _ in parts for record in part), key=lambda r: r.position)
                keep(fresh, _total_cost([cost for _, part, _ in parts for cost in part]))
                records |= {record.position: record for record in fresh}
                bar.update(len(fresh))
    finally:
        model.train(was_training)
    return [records[i] for i in range(len(problems))]


def _total_cost(costs: Sequence[Cost]) -> list[Cost]:
    """What the processes' parts of a batch cost together: work adds up, and the slowest says when it is done."""
    total: dict[str, Cost] = {}
    for cost in costs:
        before = total.setdefault(cost["pass"], {"pass": cost["pass"], "trajectories": 0, "tokens": 0, "seconds": 0.0})
        before["trajectories"] += cost["trajectories"]
        before["tokens"] += cost["tokens"]
        before["seconds"] = max(before["seconds"], cost["seconds"])
    return list(total.values())


@dataclass
class Scorer:
    """Makes records of the problems of one set."""

    planner: Planner
    problems: Sequence[Problem]
    settings: EvalSettings
    batches: Batches
    name: str = "evaluate"
    """Of the set, for the bar and for errors."""

    def score(self, positions: Sequence[int]) -> tuple[list[Record], list[Cost]]:
        """The records of the problems at these positions, and what each pass over them cost."""
        s, costs = self.settings, []
        greedy: dict[int, tuple[Outcome, float]] = {}
        if s.greedy:
            rows, cost = self._pass("greedy", [(i, 0) for i in positions], self._greedy, each=1)
            greedy = dict(zip(positions, rows, strict=True))
            costs.append(cost)
        right = dict.fromkeys(positions, 0)
        chains: dict[int, list[tuple[str, ...]]] = {i: [] for i in positions}
        if s.samples:
            jobs = [(i, sample) for i in positions for sample in range(s.samples)]
            drawn, cost = self._pass("sampled", jobs, self._sampled, each=s.samples)
            costs.append(cost)
            for (i, _), (is_right, chain) in zip(jobs, drawn, strict=True):
                right[i] += is_right
                chains[i].append(chain)
        records = []
        for i in positions:
            p, (outcome, sigma) = self.problems[i], greedy.get(i, (None, 0.0))
            record = Record(i, p.id, p.question, p.answer, outcome, sigma, s.samples, right[i])
            if s.diversity and s.decode and s.samples:
                verdicts = [measured(self.planner.domain.verify, p, chain) for chain in chains[i]]
                known = None if None in verdicts else sum(verdict.is_right for verdict in verdicts if verdict)
                record = replace(record, distinct_chains=len({*chains[i]} - {()}), sampled_right_chains=known)
            records.append(record)
        return records, costs

    def _pass(
        self, name: str, jobs: list[Job], make: Callable[[list[Job]], Made[Row]], each: int
    ) -> tuple[list[Row], Cost]:
        started = time.perf_counter()
        rows, tokens = self.batches.run_jobs(jobs, make, each, self.name)
        seconds = time.perf_counter() - started
        return rows, {"pass": name, "trajectories": len(jobs), "tokens": tokens, "seconds": seconds}

    def _greedy(self, jobs: list[Job]) -> Made[tuple[Outcome, float]]:
        trace, tokens, margin = self._reason([i for i, _ in jobs], decode=self.settings.decode)
        spread = (trace.sigma.mean(-1) * trace.latent_mask).sum(1) / trace.n_latents.clamp(min=1)  # (B,)
        sigmas = [round(value, 6) for value in spread.tolist()]
        c, judge = self.planner.model.config.latents_per_step, self.settings.judge(self.planner.domain)
        found = outcomes(trace, c, judge)
        return list(zip(found, sigmas, strict=True)), tokens, margin

    def _sampled(self, jobs: list[Job]) -> Made[tuple[bool, tuple[str, ...]]]:
        positions, s = list(dict.fromkeys(i for i, _ in jobs)), self.settings
        trace, tokens, margin = self._reason(
            positions,
            group_size=len(jobs) // len(positions),
            sample=True,
            sigma=s.sigma,
            temperature=s.temperature,
            decode=s.diversity and s.decode,
            generator=RowNoise([random.Random(f"{s.seed}/{i}/{sample}").getrandbits(63) for i, sample in jobs]),
        )
        judge = s.judge(self.planner.domain)
        right = [judge(answer, p.answer) for answer, p in zip(trace.answers, trace.problems, strict=True)]
        return list(zip(right, map(tuple, trace.chains), strict=True)), tokens, margin

    def _reason(self, positions: Sequence[int], **how: Any) -> tuple[Decoded, int, float]:
        """`Planner.reason` of some problems, see `with_margin`."""
        chunk = [self.problems[i] for i in positions]
        return with_margin(lambda: self.planner.reason(chunk, max_latents=self.settings.max_latents, **how))
