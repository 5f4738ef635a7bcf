"""How much noise each gradient estimator has: for one planner and fixed questions, gradients of many rollouts.

    python -m benchmarks.estimators arithmetic     measures one domain, about three CPU minutes; writes the evidence
    python -m benchmarks.estimators --draw         docs/estimators.md and its picture from the evidence (needs chromium)

A gradient g_r, of backbone and latent head, comes from rollout r. With K_rs = <g_r, g_s>:

    signal = mean of K_rs over r != s       estimates ||E g||^2 without bias
    noise  = mean of K_rr - signal          the trace of the covariance of one gradient
    SNR    = signal / noise                 of one rollout; n of them have n times as much

Seconds are those of one rollout and of the estimator's forward and backward pass, so SNR per second compares at equal
cost. The cosine is that with the gradient of the expected reward: a plain score function of all that was drawn, summed
over actions, over many more rollouts. Lengths are estimated without bias too, so its noise does not make it smaller.
Intervals are bootstrapped over rollouts.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import plotly.graph_objects as go
import torch
from plotly.subplots import make_subplots
from torch import Tensor

from atp_lab.compare.tables import markdown
from atp_lite.domains import DOMAINS, Problem
from atp_lite.model import Decoded
from atp_lite.planner import Planner
from atp_lite.recipes import CHECKPOINTS
from atp_lite.rl import RLSettings, Samples, mean_sigma
from atp_lite.rl.advantages import advantages
from atp_lite.rl.objectives import checked_estimate, with_references
from atp_lite.rl.rewards import score
from atp_lite.rl.surrogates import replay_actions
from atp_lite.views.palette import COLOURS, SYMBOLS, TEMPLATE
from benchmarks.evidence import fill
from benchmarks.speed.clock import machine
from tools.pictures import figure_picture

NUMBERS = Path("data/evidence/estimators.json")
PAGE, PICTURE = Path("docs/estimators.md"), Path("docs/img/estimators.png")
PLANNERS = {"arithmetic": ("atp-sft", ("chain", "correct")), "routes": ("routes-sft", ("chain",))}
"""Domain -> the bundled checkpoint whose gradients are taken, and the rewards that are followed. The answer of a route
stands in its question, so there is nothing to learn from whether it is right."""
QUESTIONS, GROUP = 32, 8
DRAWS = 400
"""Bootstrap samples."""


@dataclass(frozen=True)
class Way:
    """An estimator with its settings, and the reward that it follows."""

    name: str
    reward: str
    estimator: str
    changes: dict

    def settings(self, sigma: float) -> RLSettings:
        return RLSettings(
            rewards={self.reward: 1.0}, estimator=self.estimator, sigma=sigma, group_size=GROUP, latent_weight=1.0,
            credit="trajectory", advantage="leave-one-out", **self.changes,
        )  # fmt: skip


THOUGHTS = {"learn_answer": False}
ANSWERS = {"learn_latents": False}
WAYS = (
    Way("score function of latents", "chain", "clipped", THOUGHTS),
    Way("through the decoder", "chain", "decoder", THOUGHTS),
    Way("through the decoder and all latents", "chain", "reparameterised", THOUGHTS),
    Way("score function of latents and answer", "correct", "clipped", {}),
    Way("score function of the answer alone", "correct", "clipped", ANSWERS),
    Way("answer, through all latents", "correct", "reparameterised", ANSWERS),
    Way("true answer, through all latents", "correct", "reference", THOUGHTS | {"answer_ce": 1.0}),
)
"""What is compared, by the reward that says what is worth something; the last one does not ask it."""


# ----------------------------------------------------------------- statistics


def moments(gram: Tensor, weights: Tensor) -> tuple[float, float]:
    """(signal, noise) from K (R, R) and how often each rollout counts (R,): 1, or a bootstrap sample's numbers."""
    pairs = weights[:, None] * weights
    pairs.fill_diagonal_(0)  # also in a bootstrap sample: a rollout and itself are no pair
    signal = float((pairs * gram).sum() / pairs.sum())
    return signal, float((weights * gram.diagonal()).sum() / weights.sum()) - signal


def resampled(n: int, generator: torch.Generator) -> Tensor:
    """(n,) how often each of n rollouts is in a bootstrap sample."""
    return torch.bincount(torch.randint(n, (n,), generator=generator), minlength=n).double()


def interval(statistic: Callable[[Sequence[Tensor]], float], sizes: Sequence[int], draws: int = DRAWS) -> dict:
    """The statistic of all rollouts, and its 95 % bootstrap interval. sizes: of the samples it is made from."""
    generator = torch.Generator().manual_seed(0)
    found = sorted(statistic([resampled(n, generator) for n in sizes]) for _ in range(draws))
    mean = statistic([torch.ones(n).double() for n in sizes])
    return {"mean": mean, "low": found[int(0.025 * draws)], "high": found[int(0.975 * draws) - 1]}


def snr(gram: Tensor) -> dict:
    """signal / noise of one gradient with its interval; 0 where the signal is not above 0."""

    def ratio(weights: Sequence[Tensor]) -> float:
        signal, noise = moments(gram, weights[0])
        return max(0.0, signal / noise)

    return interval(ratio, [len(gram)])


def cosine(own: Tensor, other: Tensor) -> dict:
    """Of two mean gradients from independent rollouts (R, P) and (N, P), without the noise of their lengths."""
    grams, between = (own @ own.T, other @ other.T), own @ other.T

    def angle(weights: Sequence[Tensor]) -> float:
        shared = weights[0] @ between @ weights[1] / (weights[0].sum() * weights[1].sum())
        lengths = [max(moments(gram, w)[0], 1e-30) ** 0.5 for gram, w in zip(grams, weights, strict=True)]
        return max(-1.0, min(1.0, float(shared) / (lengths[0] * lengths[1])))

    return interval(angle, [len(own), len(other)])


# ------------------------------------------------------------------ gradients


class Gradients:
    """Gradients of a planner's backbone and latent head at fixed questions."""

    def __init__(self, planner: Planner, problems: Sequence[Problem], rewards: Sequence[str]) -> None:
        self.planner, self.model, self.problems, self.rewards = planner, planner.model, problems, rewards
        self.model.requires_grad_(False)
        learning = (*self.model.backbone.parameters(), *self.model.latent_head.parameters())
        self.parameters = [parameter.requires_grad_() for parameter in learning]
        self.sigma = mean_sigma(planner, problems)

    def rollout(self, seed: int) -> tuple[Decoded, dict[str, Tensor]]:
        """Trajectories of the questions, and the advantages of each reward."""
        how = dict(sample=True, sigma=self.sigma, temperature=1.0, group_size=GROUP)
        trace = self.planner.reason(self.problems, generator=torch.Generator().manual_seed(seed), **how)
        rewards = score(trace, trace.problems, self.rewards)
        return trace, {name: advantages("leave-one-out", reward, GROUP) for name, reward in rewards.items()}

    def uphill(self, loss: Tensor) -> Tensor:
        """-d loss / d theta (P,)."""
        found = torch.autograd.grad(loss, self.parameters, allow_unused=True)
        pairs = zip(found, self.parameters, strict=True)
        return -torch.cat([(torch.zeros_like(p) if g is None else g).flatten() for g, p in pairs])

    def of(self, way: Way, trace: Decoded, gain: Tensor) -> Tensor:
        """(P,) of one estimator on one rollout."""
        settings = way.settings(self.sigma)
        told = with_references(self.planner, trace) if settings.answer_ce else trace
        return self.uphill(checked_estimate(self.model, Samples(told, gain), settings).loss)

    def of_expected_reward(self, trace: Decoded, gain: Tensor) -> Tensor:
        """(P,) mean of A sum of log pi over all that was drawn: unbiased for the expected reward."""
        log_probs, _ = replay_actions(self.model, trace, RLSettings(sigma=self.sigma, group_size=GROUP))
        return self.uphill(-(gain * log_probs.values.sum(1)).mean())


def measure(
    planner: Planner, problems: Sequence[Problem], rewards: Sequence[str], rounds: int, true_rounds: int
) -> dict:
    """The ways that follow these rewards, on `rounds` rollouts; cosines with the gradient of `true_rounds` others."""
    gradients, ways = Gradients(planner, problems, rewards), [way for way in WAYS if way.reward in rewards]
    found: dict[str, list[Tensor]] = {way.name: [] for way in ways}
    seconds: dict[str, list[float]] = {name: [] for name in ("rollout", *found)}
    gradients.rollout(0)  # warm up
    for r in range(rounds):
        begin = time.thread_time()
        trace, gains = gradients.rollout(r)
        seconds["rollout"].append(time.thread_time() - begin)
        for way in ways:
            begin = time.thread_time()
            found[way.name].append(gradients.of(way, trace, gains[way.reward]))
            seconds[way.name].append(time.thread_time() - begin)
    true: dict[str, list[Tensor]] = {reward: [] for reward in rewards}
    for r in range(true_rounds):
        trace, gains = gradients.rollout(rounds + r)
        for reward, gain in gains.items():
            true[reward].append(gradients.of_expected_reward(trace, gain))
    of_reward = {reward: torch.stack(rows).double() for reward, rows in true.items()}
    median = {name: statistics.median(values) for name, values in seconds.items()}
    lines = []
    for way in ways:
        own, cost = torch.stack(found[way.name]).double(), median["rollout"] + median[way.name]
        signal, noise = moments(own @ own.T, torch.ones(rounds).double())
        if not own.any():
            raise ValueError(
                f"no try earned another reward {way.reward!r} than the others of its group: nothing to measure"
            )
        one = snr(own @ own.T)
        lines.append(
            asdict(way)
            | {"signal": signal, "noise": noise, "seconds": cost, "snr": one}
            | {"per_second": {key: value / cost for key, value in one.items()}}
            | {"cosine": cosine(own, of_reward[way.reward])}
        )
    known = {reward: snr(rows @ rows.T) for reward, rows in of_reward.items()}
    shape = {"questions": len(problems), "group_size": GROUP, "rounds": rounds, "true_rounds": true_rounds}
    return shape | {"sigma": gradients.sigma, "rollout_seconds": median["rollout"], "ways": lines, "true_snr": known}


# ----------------------------------------------------------------------- page


def shown(found: dict, digits: int) -> str:
    """A mean with its interval, to some significant digits."""
    mean, low, high = (f"{found[key]:.{digits}g}" for key in ("mean", "low", "high"))
    return f"{mean} [{low}, {high}]"


def tables(numbers: dict) -> dict[str, str]:
    """A table a domain, by its name, and what they were measured with."""
    made = {"estimators-machine": markdown(list(numbers["machine"]), [[str(v) for v in numbers["machine"].values()]])}
    header = ["estimator", "reward", "SNR of a rollout", "CPU seconds", "SNR a CPU second", "cosine"]
    for domain in PLANNERS:
        one = numbers["domains"].get(domain)
        if one is None:
            made[f"estimators-{domain}"] = markdown(
                [f"not measured yet: `python -m benchmarks.estimators {domain}`"], []
            )
            continue
        rows = [
            [w["name"], "none" if w["estimator"] == "reference" else f"`{w['reward']}`", shown(w["snr"], 2)]
            + [f"{w['seconds']:.2f}", shown(w["per_second"], 2), shown(w["cosine"], 2)]
            for w in one["ways"]
        ]
        made[f"estimators-{domain}"] = markdown(header, rows)
    return made


def figure(numbers: dict) -> go.Figure:
    """SNR per CPU second of every estimator, a panel a domain; colour and sign say which reward it follows."""
    domains = numbers["domains"]
    made = make_subplots(rows=1, cols=len(domains), subplot_titles=list(domains), shared_yaxes=True)
    kinds = {"chain": "of thoughts: reward chain", "correct": "of answers: reward correct, or none"}
    for column, one in enumerate(domains.values(), start=1):
        for i, (reward, kind) in enumerate(kinds.items()):
            ways = [w for w in one["ways"] if w["reward"] == reward][::-1]
            found = [w["per_second"] for w in ways]
            made.add_scatter(
                x=[f["mean"] for f in found], y=[w["name"] for w in ways], mode="markers", name=kind,
                error_x={"array": [f["high"] - f["mean"] for f in found],
                         "arrayminus": [f["mean"] - f["low"] for f in found], "thickness": 1},
                marker={"color": COLOURS[i], "symbol": SYMBOLS[i], "size": 10}, showlegend=column == 1,
                row=1, col=column,
            )  # fmt: skip
        made.update_xaxes(type="log", title="signal / noise a CPU second", row=1, col=column)
    made.update_yaxes(automargin=True)
    return made.update_layout(
        template=TEMPLATE, width=1000, height=420, legend_y=1.2, paper_bgcolor="white", plot_bgcolor="white"
    )


def write(numbers: dict) -> None:
    """Tables into the page, the picture beside it."""
    PAGE.write_text(fill(PAGE.read_text(), tables(numbers)))
    figure_picture(figure(numbers), PICTURE, 1020, 440)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("domains", nargs="*", help=", ".join(PLANNERS))
    parser.add_argument("--rounds", type=int, default=24)
    parser.add_argument("--true-rounds", type=int, default=240)
    parser.add_argument("--draw", action="store_true")
    given = parser.parse_args()
    torch.set_num_threads(1)
    if given.draw:
        write(json.loads(NUMBERS.read_text()))
        return
    kept = json.loads(NUMBERS.read_text())["domains"] if NUMBERS.is_file() else {}
    numbers: dict = {"machine": machine(), "domains": kept}
    for domain in given.domains:
        name, rewards = PLANNERS[domain]
        questions = DOMAINS[domain].generate(DOMAINS[domain].default_settings(), "rl")[:QUESTIONS]
        planner = Planner.from_pretrained(CHECKPOINTS / name)
        kept[domain] = {"planner": name} | measure(planner, questions, rewards, given.rounds, given.true_rounds)
    NUMBERS.write_text(json.dumps(numbers, indent=1) + "\n")
    print("\n\n".join(tables(numbers).values()))


if __name__ == "__main__":
    main()
