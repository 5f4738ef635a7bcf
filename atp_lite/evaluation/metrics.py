"""What became of one problem, and what many of them add up to: means with 95 % intervals over problems."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import MISSING, asdict, dataclass, fields
from typing import Any

from atp_lite.domains import is_right, measured
from atp_lite.model.trace import Decoded

Z95 = 1.959963984540054
"""The normal quantile of a two-sided 95 % interval."""
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
    "sampled_right_chains": "right chain, sampled, %",
    "right_chains": "right chain, %",
    "arrives": "chain arrives, %",
    "right_chains_several": "right chain, where several are right, %",
}
"""Metrics as a table calls them."""
CHAIN_CLASSES = {"1": (1, 1), "2-3": (2, 3), "4-9": (4, 9), "10+": (10, math.inf)}
"""Classes of questions by how many chains are equally right: the least and the most of each."""
LABELS |= {f"right_chains_{name}": f"right chain, of {name} equally right, %" for name in CHAIN_CLASSES}


@dataclass(frozen=True)
class Estimate:
    """A mean over `n` problems with its 95 % interval (over problems, not over training seeds)."""

    mean: float
    low: float
    high: float
    n: int

    def percent(self) -> str:
        return f"{100 * self.mean:.1f} [{100 * self.low:.1f}, {100 * self.high:.1f}]"

    def to_json(self) -> dict[str, float | int]:
        return {key: round(value, 6) if isinstance(value, float) else value for key, value in asdict(self).items()}


def wilson(hits: float, n: int) -> Estimate:
    """A proportion with its Wilson score interval (Wilson 1927).

    hits may be a sum of shares in [0, 1], whose variance is at most p(1-p): the interval is then rather too wide.

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


def mean_of_sets(estimates: Sequence[Estimate]) -> Estimate:
    """The plain mean over sets, each counting alike, with an interval from theirs (MOVER, Zou and Donner 2008).

    mean - sqrt(sum (p_i - low_i)^2) / k to mean + sqrt(sum (high_i - p_i)^2) / k: for one set its own interval. It
    takes the sets to be independent, and ends at 0.
    """
    k = len(estimates)
    mean = sum(e.mean for e in estimates) / k
    below = math.sqrt(sum((e.mean - e.low) ** 2 for e in estimates)) / k
    above = math.sqrt(sum((e.high - e.mean) ** 2 for e in estimates)) / k
    return Estimate(mean, max(0.0, mean - below), mean + above, sum(e.n for e in estimates))


def pass_at_k(n: int, right: int, k: int) -> float:
    """Unbiased estimate of P(at least one of k samples is right) from n samples: 1 - C(n-c, k) / C(n, k).

    Chen et al. 2021, eq. 1.
    """
    if not (0 <= right <= n and 1 <= k <= n):
        raise ValueError(f"pass@{k} from {n} samples, {right} right: k must be 1..n and right 0..n")
    return 1.0 - math.comb(n - right, k) / math.comb(n, k)


@dataclass(frozen=True)
class Outcome:
    """What the greedy pass made of one problem."""

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
    right_chain: bool | None = None
    """Whether the steps are one of the question's right chains (`Domain.verify`); None where nobody can tell."""
    n_chains: int | None = None
    """How many chains are equally right; None as above."""
    arrives: bool | None = None
    """Whether every step is in its place and the last one gives the answer, be it by a longer way; None as above."""


@dataclass(frozen=True)
class Record:
    """All that became of one problem: its greedy outcome and its samples. A line of the journal."""

    position: int
    """Its place in the set, from 0."""
    id: str
    question: str
    reference: str
    """The answer that counts as right."""
    outcome: Outcome | None
    """Of the greedy pass, where there was one."""
    sigma: float = 0.0
    """Mean posterior standard deviation of its latents."""
    samples: int = 0
    sampled_right: int = 0
    """How many of the samples were right."""
    distinct_chains: int | None = None
    """Different chains among the samples, where they were decoded."""
    sampled_right_chains: int | None = None
    """How many of the samples are a right chain; None where they were not decoded, or nobody can tell."""

    def to_json(self) -> dict[str, Any]:
        """Flat: the fields of the outcome stand among the others."""
        values = {f.name: getattr(self, f.name) for f in fields(self) if f.name != "outcome"}
        return values | (asdict(self.outcome) if self.outcome else {})

    @classmethod
    def from_json(cls, line: dict[str, Any]) -> Record:
        """The inverse of `to_json`. Raises KeyError for a missing field."""
        outcome = None
        if "answer" in line:
            values = _known(Outcome, line)
            outcome = Outcome(**values | {"steps": tuple(line["steps"])})
        return cls(outcome=outcome, **_known(cls, line, "outcome"))


def _known(kind: type[Outcome | Record], line: dict[str, Any], *but: str) -> dict[str, Any]:
    """The values of a record's fields; those with a default may be missing. Raises KeyError for any other."""
    names = [f.name for f in fields(kind) if f.name not in but and (f.default is MISSING or f.name in line)]
    return {name: line[name] for name in names}


def outcomes(trace: Decoded, latents_per_step: int = 1, right: Callable[[str, str], bool] = is_right) -> list[Outcome]:
    """One `Outcome` a row of a trace that was answered (and decoded, if the step metrics are to mean anything).

    Where every row was given the same number of latents, those that read as nothing count as no step, and those after
    a complete chain do not count (`Decoded.chains`).

    right: whether an answer is the reference.
    """
    result = []
    counts, tokens = trace.n_latents.tolist(), trace.n_answer_tokens.tolist()
    for i, (problem, steps) in enumerate(zip(trace.problems, trace.chains, strict=True)):
        found = measured(trace.domain.coherence, steps, trace.answers[i], problem.question)
        latent = counts[i] // latents_per_step
        taken = len(steps) if trace.fixed_length else max(latent, len(steps))  # those written in words come on top
        verdict = measured(trace.domain.verify, problem, steps)
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
                steps=tuple(trace.steps[i]),
                stop_right=taken == len(problem.steps),
                coherence=None if found is None else found.score,
                right_steps=None if found is None else found.right,
                matched_steps=shared.total() / len(steps) if steps else 0.0,
                right_chain=None if verdict is None else verdict.is_right,
                n_chains=measured(trace.domain.count_chains, problem),
                arrives=None if verdict is None else verdict.arrives,
            )
        )
    return result


MEASURED = tuple(name for name in LABELS if name != "diversity" and not name.startswith("sampled_"))
"""Every metric that `summarise` may find."""


def summarise(results: Sequence[Outcome], decoded: bool = True) -> dict[str, Estimate]:
    """Accuracy, tokens and, where the thoughts were decoded, stops and steps: each a mean with its interval.

    Problems without a reference chain (SVAMP has none) say nothing about stops and matches, and do not count there; nor
    does a measure that the domain lacks.
    """
    metrics = {
        "accuracy": wilson(sum(o.correct for o in results), len(results)),
        "latents": mean_interval([o.n_latents for o in results]),
        "answer_tokens": mean_interval([o.n_answer_tokens for o in results]),
    }
    chained = [o for o in results if o.n_steps]
    if decoded and chained:
        metrics["stop"] = wilson(sum(o.stop_right for o in chained), len(chained))
        metrics["step_match"] = mean_interval([o.matched_steps for o in chained], share=True)
    shares = {
        "equations_right": [o.right_steps for o in results if o.right_steps is not None],
        "coherence": [o.coherence for o in results if o.coherence is not None],
    }
    metrics |= {name: mean_interval(own, share=True) for name, own in shares.items() if decoded and own}
    return metrics | (right_chains(results) if decoded else {})


def right_chains(results: Sequence[Outcome]) -> dict[str, Estimate]:
    """The share of right chains, of all questions and by how many chains are equally right; empty where none is known.

    A label shows one of them. So imitation is tested where several are right, and `step_match` does not see it.
    """
    known = [(o.right_chain, o.n_chains) for o in results if o.right_chain is not None and o.n_chains is not None]
    classes = {"right_chains": (1, math.inf), "right_chains_several": (2, math.inf)}
    classes |= {f"right_chains_{name}": limits for name, limits in CHAIN_CLASSES.items()}
    found = {name: [right for right, n in known if low <= n <= high] for name, (low, high) in classes.items()}
    found["arrives"] = [o.arrives for o in results if o.arrives is not None]
    return {name: wilson(sum(own), len(own)) for name, own in found.items() if own}


def summarise_samples(records: Sequence[Record]) -> dict[str, Estimate]:
    """Accuracy of the samples, pass@k for k = 1, 2, 4, ... and, where they were decoded, the share of distinct chains.

    Empty where nothing was sampled.
    """
    drawn = [record for record in records if record.samples]
    if not drawn:
        return {}
    ks = [k for k in (1, 2, 4, 8, 16, 32, 64) if k <= min(record.samples for record in drawn)]
    chances = {k: [pass_at_k(r.samples, r.sampled_right, k) for r in drawn] for k in ks}
    rates = {f"pass@{k}": mean_interval(values, share=True) for k, values in chances.items()}
    if any(record.distinct_chains for record in drawn):
        shares = [(record.distinct_chains or 0) / record.samples for record in drawn]
        rates["diversity"] = mean_interval(shares, share=True)
    if verified := [(r.samples, r.sampled_right_chains) for r in drawn if r.sampled_right_chains is not None]:
        by_k = {k: [pass_at_k(n, right, k) for n, right in verified] for k in ks}
        rates |= {f"chain_pass@{k}": mean_interval(values, share=True) for k, values in by_k.items()}
        rates["sampled_right_chains"] = rates.pop("chain_pass@1")
    return {"sampled_accuracy": rates["pass@1"]} | rates
