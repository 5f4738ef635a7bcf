"""Evaluation: what a planner gets right, how many tokens it needs, and whether its thoughts are reasons.

Problems -> `Trace` -> one `Outcome` a problem -> means with 95 % intervals, as a dictionary and as Markdown.
"""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass, field, replace
from functools import partial
from typing import Literal

import torch
from accelerate import Accelerator
from accelerate.utils import gather_object
from tqdm.auto import tqdm

from atp_lite.domains import Domain, Problem, is_right, measured, same_answer
from atp_lite.engine.sharding import summon_full_params
from atp_lite.model import Trace
from atp_lite.planner import Planner

Z95 = 1.959963984540054
"""The normal quantile of a two-sided 95 % interval."""


@dataclass(frozen=True)
class EvalSettings:
    """How to evaluate."""

    batch_size: int = 500
    """Problems reasoned about at once; `atp-lite eval` halves it by itself where memory runs out."""
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
    """Decode the sampled trajectories too, and count the distinct chains of each problem."""
    answers: Literal["whole", "last number"] = "whole"
    """What counts as the answer: all that was written (compared as a number, where the reference is one), or the last
    number in it (for models that answer in a sentence)."""
    relative: float = 0.0
    """How far an answer may be from the reference, as a share of it; 0: exactly, but where `atp-lite eval` knows better
    (GSM-Hard's references are noisy: 1e-6)."""
    seed: int = 0
    """Seed of the sampled trajectories."""

    def __post_init__(self) -> None:
        for name, least in (("batch_size", 1), ("samples", 0), ("sigma", 0), ("max_latents", 0), ("relative", 0)):
            value = getattr(self, name)
            if value is not None and not value >= least:
                raise ValueError(f"{name} is {value}: give {least} or more")
        if self.temperature is not None and not self.temperature > 0:
            raise ValueError(f"temperature is {self.temperature}: give one above 0, or none for the likeliest tokens")
        if not (self.greedy or self.samples):
            raise ValueError("greedy is off and samples is 0, so nothing would be evaluated: give samples, or greedy")


@dataclass(frozen=True)
class Outcome:
    """What happened on one problem."""

    id: str
    question: str
    answer: str
    """The model's answer."""
    n_steps: int
    """Steps of the reference chain."""
    correct: bool
    """The answer equals the reference (as a number, where that is one)."""
    n_latents: int
    n_answer_tokens: int
    """Tokens after the latents, the end token included."""
    steps: tuple[str, ...]
    """Decoded latent steps, then steps written in words."""
    stop_right: bool
    """As many steps as the reference chain."""
    coherence: float | None
    """R_coh of the steps and the model's own answer; None where the planner's domain has no such measure."""
    right_steps: float | None
    """Share of the steps that are valid (arithmetic); None as above."""
    matched_steps: float
    """Share of the steps that stand in the reference chain, in any order."""


@dataclass(frozen=True)
class Estimate:
    """A mean over `n` problems with its 95 % interval (over problems, not over training seeds)."""

    mean: float
    low: float
    high: float
    n: int

    def percent(self) -> str:
        return f"{100 * self.mean:.1f} [{100 * self.low:.1f}, {100 * self.high:.1f}]"


def wilson(hits: int, n: int) -> Estimate:
    """A proportion with its Wilson score interval (Wilson 1927).

    Centre (p + z^2/2n) / (1 + z^2/n), half width z sqrt(p(1-p)/n + z^2/4n^2) / (1 + z^2/n).
    """
    if n <= 0 or not 0 <= hits <= n:
        raise ValueError(f"{hits} hits of {n}: the count must lie between 0 and n, and n must be positive")
    p, z2 = hits / n, Z95**2
    centre = (p + z2 / (2 * n)) / (1 + z2 / n)
    half = Z95 * math.sqrt(p * (1 - p) / n + z2 / (4 * n * n)) / (1 + z2 / n)
    return Estimate(p, max(0.0, centre - half), min(1.0, centre + half), n)


def mean_interval(values: Sequence[float], share: bool = False) -> Estimate:
    """A mean with its normal interval, mean +- z s / sqrt(n); the interval of a share ends at 0 and 1."""
    n = len(values)
    if n == 0:
        raise ValueError("the mean of no values: give at least one")
    mean = sum(values) / n
    deviation = math.sqrt(sum((v - mean) ** 2 for v in values) / (n - 1)) if n > 1 else 0.0
    low, high = mean - Z95 * deviation / math.sqrt(n), mean + Z95 * deviation / math.sqrt(n)
    return Estimate(mean, max(0.0, low), min(1.0, high), n) if share else Estimate(mean, low, high, n)


def pass_at_k(n: int, right: int, k: int) -> float:
    """Unbiased estimate of P(at least one of k samples is right) from n samples: 1 - C(n-c, k) / C(n, k).

    Chen et al. 2021, eq. 1.
    """
    if not (0 <= right <= n and 1 <= k <= n):
        raise ValueError(f"pass@{k} from {n} samples, {right} right: k must be 1..n and right 0..n")
    return 1.0 - math.comb(n - right, k) / math.comb(n, k)


def outcomes(
    trace: Trace, latents_per_step: int = 1, spare: bool = False, right: Callable[[str, str], bool] = is_right
) -> list[Outcome]:
    """One `Outcome` a row of a trace that was answered (and decoded, if the step metrics are to mean anything).

    right: whether an answer is the reference.
    spare: every row was given the same number of latents, so those that read as nothing count as no step.
    """
    result = []
    counts, tokens = trace.n_latents.tolist(), trace.n_answer_tokens.tolist()
    for i, problem in enumerate(trace.problems):
        steps = trace.steps[i]
        found = measured(trace.domain.coherence, steps, trace.answers[i], problem.question)
        latent = counts[i] // latents_per_step
        taken = len(steps) if spare else max(latent, len(steps))  # those written in words come on top
        shared = Counter(steps) & Counter(problem.steps)
        result.append(
            Outcome(
                id=problem.id,
                question=problem.question,
                answer=trace.answers[i],
                n_steps=len(problem.steps),
                correct=right(trace.answers[i], problem.answer),
                n_latents=counts[i],
                n_answer_tokens=tokens[i],
                steps=tuple(steps),
                stop_right=taken == len(problem.steps),
                coherence=None if found is None else found.score,
                right_steps=None if found is None else found.right,
                matched_steps=shared.total() / len(steps) if steps else 0.0,
            )
        )
    return result


@dataclass
class Evaluation:
    """Outcomes on a test set and what they add up to."""

    outcomes: list[Outcome]
    settings: EvalSettings
    sampled: list[tuple[int, int]]
    """Per problem (samples, right ones); empty where none were drawn."""
    sigma: float
    """Mean posterior standard deviation over all latents; 0 where the model thought none."""
    distinct: list[int] = field(default_factory=list)
    """Per problem the number of different chains among its samples; empty where they were not decoded."""

    def summary(self) -> dict[str, Estimate]:
        greedy = summarise(self.outcomes, decoded=self.settings.decode) if self.outcomes else {}
        return greedy | self._sampled()

    def _sampled(self) -> dict[str, Estimate]:
        if not self.sampled:
            return {}
        samples = self.settings.samples
        ks = [k for k in (1, 2, 4, 8, 16, 32, 64) if k <= samples]
        chances = {k: [pass_at_k(n, right, k) for n, right in self.sampled] for k in ks}
        rates = {f"pass@{k}": mean_interval(values, share=True) for k, values in chances.items()}
        if any(self.distinct):
            shares = [count / samples for count in self.distinct]
            rates["diversity"] = mean_interval(shares, share=True)
        return {"sampled_accuracy": rates["pass@1"]} | rates

    @property
    def accuracy(self) -> Estimate:
        return wilson(sum(o.correct for o in self.outcomes), len(self.outcomes))

    def by_steps(self) -> dict[int, dict[str, Estimate]]:
        """The same metrics for each number of reference steps."""
        groups: dict[int, list[Outcome]] = {}
        for outcome in self.outcomes:
            groups.setdefault(outcome.n_steps, []).append(outcome)
        return {n: summarise(groups[n], decoded=self.settings.decode) for n in sorted(groups)}

    def to_json(self) -> dict:
        """Everything but the single outcomes, as plain values."""
        return {
            "settings": asdict(self.settings),
            "sigma": round(self.sigma, 4),
            "metrics": {name: _rounded(e) for name, e in self.summary().items()},
            "by_steps": {
                str(n): {name: _rounded(e) for name, e in metrics.items()} for n, metrics in self.by_steps().items()
            },
        }

    def to_markdown(self) -> str:
        """A table: all problems first, then each number of steps. Percentages with 95 % intervals over problems."""
        columns = {"all": self.summary()}
        if any(o.n_steps for o in self.outcomes):
            columns |= {f"{n} steps": m for n, m in self.by_steps().items()}
        counts = [m["accuracy"].n if "accuracy" in m else len(self.sampled) for m in columns.values()]
        lines = ["| metric | " + " | ".join(columns) + " |", "|---" * (len(columns) + 1) + "|"]
        lines.append("| problems | " + " | ".join(map(str, counts)) + " |")
        for name in columns["all"]:
            cells = []
            for metrics in columns.values():
                estimate = metrics.get(name)
                in_units = name in ("latents", "answer_tokens")
                cells.append("" if estimate is None else f"{estimate.mean:.2f}" if in_units else estimate.percent())
            lines.append(f"| {LABELS.get(name, name)} | " + " | ".join(cells) + " |")
        return "\n".join(lines)

    def write_outcomes(self, path) -> None:
        """Every outcome as one JSON line."""
        with open(path, "w", encoding="utf-8") as file:
            for outcome in self.outcomes:
                file.write(json.dumps(asdict(outcome)) + "\n")


LABELS = {
    "accuracy": "accuracy, %",
    "latents": "latents per problem",
    "answer_tokens": "answer tokens per problem",
    "stop": "right number of steps, %",
    "step_match": "decoded step is a reference step, %",
    "equations_right": "decoded step is valid arithmetic, %",
    "coherence": "coherence, %",
    "sampled_accuracy": "accuracy of sampled trajectories, %",
    "diversity": "distinct chains per sampled trajectory, %",
}


def _rounded(estimate: Estimate) -> dict[str, float | int]:
    return {key: round(value, 6) if isinstance(value, float) else value for key, value in asdict(estimate).items()}


def summarise(results: Sequence[Outcome], decoded: bool = True) -> dict[str, Estimate]:
    """Accuracy, tokens and, where the thoughts were decoded, stops and steps: each a mean with its interval.

    Problems without a reference chain (SVAMP has none) say nothing about stops and matches, and do not count there.
    What the planner's domain cannot measure is left out.
    """
    n, chained = len(results), [o for o in results if o.n_steps]
    metrics = {
        "accuracy": wilson(sum(o.correct for o in results), n),
        "latents": mean_interval([o.n_latents for o in results]),
        "answer_tokens": mean_interval([o.n_answer_tokens for o in results]),
    }
    if decoded and chained:
        metrics |= {
            "stop": wilson(sum(o.stop_right for o in chained), len(chained)),
            "step_match": mean_interval([o.matched_steps for o in chained], share=True),
        }
    if decoded:
        shares = {"equations_right": [o.right_steps for o in results], "coherence": [o.coherence for o in results]}
        known = {name: [v for v in values if v is not None] for name, values in shares.items()}
        metrics |= {name: mean_interval(values, share=True) for name, values in known.items() if values}
    return metrics


def judge(settings: EvalSettings, domain: Domain) -> Callable[[str, str], bool]:
    """(answer, reference) -> whether it is right."""
    return partial(same_answer if settings.answers == "last number" else domain.is_right, relative=settings.relative)


def fitted(settings: EvalSettings, planner: Planner) -> EvalSettings:
    """The settings without decoding, where the planner has no steps or nobody can read them."""
    config = planner.model.config
    unread = config.layout == "dropped" or (config.max_latents > 0 and planner.model.decoder is None)
    return replace(settings, decode=False) if unread else settings


def scored(planner: Planner, trace: Trace, settings: EvalSettings) -> list[Outcome]:
    """`outcomes` of a trace of this planner, as the settings judge them."""
    config = planner.model.config
    spare, right = config.layout == "fixed" and settings.decode, judge(settings, planner.domain)
    return outcomes(trace, config.latents_per_step, spare, right)


def by_length(problem: Problem) -> tuple[int, int]:
    """Sorted so, neighbours are of one length, and batches need less padding."""
    return len(problem.question), len(problem.steps)


def evaluate(
    planner: Planner, problems: Iterable[Problem], settings: EvalSettings | None = None, progress: bool = False
) -> Evaluation:
    """Let the planner reason about every problem once, greedily, and `settings.samples` times sampled.

    The greedy pass takes the mean of every latent and the likeliest tokens, so it is the same every time.

    Under `accelerate launch` all processes must call this: each reasons about problems of its own, every problem once,
    and all of them return the evaluation of the whole set. Sampled draws are other ones than in one process. They
    compute in the precision that the launcher was given, as training does.

    Raises:
        ValueError: there is no problem to evaluate on.
    """
    settings = fitted(EvalSettings() if settings is None else settings, planner)
    right_answer = judge(settings, planner.domain)
    problems = sorted(problems, key=by_length)
    if not problems:
        raise ValueError("no problems to evaluate on: the file or split is empty")
    accelerator = Accelerator()
    rank, world = accelerator.process_index, accelerator.num_processes
    problems = problems[rank::world]
    was_training = planner.model.training
    planner.model.eval()
    generator = torch.Generator(planner.model.device).manual_seed(settings.seed + rank)
    results, sampled, distinct, sigmas, latents = [], [], [], 0.0, 0
    starts = range(0, len(problems), settings.batch_size)
    with summon_full_params(planner.model), accelerator.autocast():
        for start in tqdm(starts, desc="evaluate", disable=rank > 0 or not progress):
            chunk = problems[start : start + settings.batch_size]
            if settings.greedy:
                trace = planner.reason(chunk, max_latents=settings.max_latents, decode=settings.decode)
                results += scored(planner, trace, settings)
                latents += int(trace.latent_mask.sum())
                sigmas += float((trace.sigma.mean(-1) * trace.latent_mask).sum())
            right = [0] * len(chunk)
            chains: list[set[tuple[str, ...]]] = [set() for _ in chunk]
            for _ in range(settings.samples):
                drawn = planner.reason(
                    chunk,
                    sample=True,
                    sigma=settings.sigma,
                    temperature=settings.temperature,
                    max_latents=settings.max_latents,
                    decode=settings.diversity and settings.decode,
                    generator=generator,
                )
                for i, problem in enumerate(chunk):
                    right[i] += right_answer(drawn.answers[i], problem.answer)
                    chains[i].add(tuple(drawn.steps[i]))
            sampled += [(settings.samples, r) for r in right] if settings.samples else []
            if settings.diversity and settings.decode:
                distinct += [len(found - {()}) for found in chains]
    planner.model.train(was_training)
    parts = gather_object([(results, sampled, distinct, sigmas, latents)])  # one of every process
    results, sampled, distinct = (_dealt([part[i] for part in parts]) for i in range(3))
    sigmas, latents = (sum(part[i] for part in parts) for i in (3, 4))
    return Evaluation(results, settings, sampled, sigmas / max(latents, 1), distinct)


def _dealt(hands: Sequence[list]) -> list:
    """The list that was dealt out, hand r getting every len(hands)-th from r on.

    >>> _dealt([[1, 3, 5], [2, 4]])
    [1, 2, 3, 4, 5]
    """
    whole = [None] * sum(map(len, hands))
    for first, hand in enumerate(hands):
        whole[first :: len(hands)] = hand
    return whole
