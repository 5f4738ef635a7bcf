"""The paper's claims, each as one difference between two cells of the evidence, with a verdict that the interval gives.

A claim is a comparison that says "better": the difference, paired by training seed, is put beside zero (or a margin).
The verdict is *holds* where the whole 95 % interval is above it, *does not hold* where it is below, *undecided*
otherwise.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from atp_lab.compare.tables import OverSeeds, by_seed, differences, markdown


@dataclass(frozen=True)
class Claim:
    """`ours` beats `base` in `metric`, in one regime."""

    text: str
    paper: str
    """The paper's own figure, or where it stands."""
    regime: str
    ours: str
    base: str
    metric: str = "accuracy"
    fewer: bool = False
    """True where a smaller figure is the better one."""
    margin: float = 0.0
    """By how much it has to be better; below 0: by how much it may be worse."""
    base_metric: str = ""
    """The metric of `base`, where it is another one."""

    @property
    def unit(self) -> str:
        """Of the difference: points of a percentage, percent of the other cell, or nothing where it is a count."""
        return "%" if self.metric == "tokens" else "" if self.metric == "latents" else "points"

    def by_seed(self, rows: Sequence[dict]) -> dict[int, float]:
        """The difference of every training seed that both cells have."""
        ours, base = by_seed(rows, self.regime, self.ours), by_seed(rows, self.regime, self.base)
        return differences(ours, base, self.metric, self.metric == "tokens", self.base_metric)

    @property
    def cells(self) -> str:
        """What is compared, in words."""
        if not self.base_metric:
            return f"{self.ours} - {self.base}, {self.metric}"
        return f"{self.ours}, {self.metric} - {self.base}, {self.base_metric}"

    def measured(self, rows: Sequence[dict]) -> OverSeeds | None:
        """Their mean with its interval; None without a common seed."""
        found = self.by_seed(rows)
        return OverSeeds.of(list(found.values())) if found else None


CLAIMS = (
    Claim("ATP-Latent with RL is more accurate than SIM-CoT", "+4.1 points", "clean", "grpo", "sim-cot"),
    Claim("... by at least 4.1 points", "+4.1 points", "clean", "grpo", "sim-cot", margin=4.1),
    Claim("ATP-Latent with RL, on new true answers, is more accurate than SIM-CoT without them", "+4.1 points", "noisy",
          "grpo", "sim-cot"),
    Claim("... by at least 4.1 points", "+4.1 points", "noisy", "grpo", "sim-cot", margin=4.1),
    Claim("... and than SIM-CoT with them (GRPO on its answers)", "not measured", "noisy", "grpo", "sim-cot-grpo"),
    Claim("... with less noise in the thoughts (sigma 0.2)", "not measured", "noisy", "grpo-sigma-0.2", "sim-cot-grpo"),
    Claim("... with less noise in the thoughts (sigma 0.1)", "not measured", "noisy", "grpo-sigma-0.1", "sim-cot-grpo"),
    Claim("... with none (answers alone are drawn and learn)", "not measured", "noisy", "grpo-answers", "sim-cot-grpo"),
    Claim("ATP-Latent's first stage is more accurate than SIM-CoT", "not measured", "clean", "atp-sft", "sim-cot"),
    Claim("ATP-Latent's first stage is more accurate than SIM-CoT", "not measured", "noisy", "atp-sft", "sim-cot"),
    Claim("it uses fewer latents and answer tokens than SIM-CoT", "-3.3 %", "clean", "grpo", "sim-cot", "tokens",
          fewer=True),
    Claim("it uses fewer latents and answer tokens than SIM-CoT", "-3.3 %", "noisy", "grpo", "sim-cot", "tokens",
          fewer=True),
    Claim("RL improves over SFT", "ablation", "clean", "grpo", "atp-sft"),
    Claim("RL improves over SFT", "ablation", "noisy", "grpo", "atp-sft"),
    Claim("RL improves over as much more SFT", "not measured", "clean", "grpo", "continued-sft"),
    Claim("RL improves over as much more SFT", "not measured", "noisy", "grpo", "continued-sft"),
    Claim("the coherence reward, credited to the latents alone, raises accuracy", "ablation", "clean", "grpo",
          "grpo-correct-only"),
    Claim("the coherence reward raises accuracy (all actions credited with the whole reward)", "ablation", "noisy",
          "grpo-whole-credit", "grpo-correct-only"),
    Claim("the coherence reward keeps thoughts coherent (all actions credited with the whole reward)", "not measured",
          "noisy", "grpo-whole-credit", "grpo-correct-only", "coherence"),
    Claim("the coherence reward, credited to the latents alone, keeps thoughts coherent", "not measured", "clean",
          "grpo", "grpo-correct-only", "coherence"),
    Claim("the coherence reward, credited to the latents alone, keeps thoughts coherent", "not measured", "noisy",
          "grpo", "grpo-correct-only", "coherence"),
    Claim("coherence alone, without answers, improves over SFT", "+0.9 points", "clean", "grpo-coherence-only",
          "atp-sft"),
    Claim("coherence alone, without answers, improves over SFT", "+0.9 points", "noisy", "grpo-coherence-only",
          "atp-sft"),
    Claim("the VAE raises accuracy", "ablation", "clean", "short-atp-sft", "short-atp-point"),
    Claim("the VAE's latents withstand noise (0.5 of their size) better than points", "smoother space", "clean",
          "short-atp-sft", "short-atp-point", "noise 0.5"),
    Claim("the VAE's latents withstand noise (1.0 of their size) better than points", "smoother space", "clean",
          "short-atp-sft", "short-atp-point", "noise 1.0"),
    Claim("ATP-Latent's latents withstand noise (0.5 of their size) better than SIM-CoT's", "smoother space", "clean",
          "atp-sft", "sim-cot", "noise 0.5"),
    Claim("ATP-Latent's latents withstand noise (1.0 of their size) better than SIM-CoT's", "smoother space", "clean",
          "atp-sft", "sim-cot", "noise 1.0"),
    Claim("half way between two VAE thoughts the decoder reads valid arithmetic more often than between two points",
          "smoother space", "clean", "short-atp-sft", "short-atp-point", "between 0.5 valid"),
    Claim("half way between two thoughts the decoder reads valid arithmetic more often than between SIM-CoT's",
          "smoother space", "clean", "short-atp-sft", "short-sim-cot", "between 0.5 valid"),
    Claim("a quarter of the way to another problem's thoughts, the answer survives more often than SIM-CoT's",
          "smoother space", "clean", "short-atp-sft", "short-sim-cot", "between 0.25 accuracy"),
    Claim("the decoder's loss raises accuracy", "ablation", "clean", "short-atp-sft", "short-atp-no-decoder"),
    Claim("the curriculum raises accuracy", "ablation", "clean", "short-atp-sft", "short-atp-no-curriculum"),
    Claim("the stop head beats a fixed number of latents", "ablation", "clean", "short-atp-sft", "short-atp-fixed"),
    Claim("the stop head beats a fixed number of latents", "ablation", "hidden", "hidden-atp-sft", "hidden-atp-fixed"),
    Claim("the stop head saves latents", "ablation", "hidden", "hidden-atp-sft", "hidden-atp-fixed", "latents",
          fewer=True),
    Claim("the stop head saves latents", "ablation", "clean", "short-atp-sft", "short-atp-fixed", "latents",
          fewer=True),
    Claim("more diverse paths: pass@8 above SIM-CoT's", "pass@k curves", "clean", "atp-sft", "sim-cot", "pass@8"),
    Claim("more diverse paths: pass@8 above SIM-CoT's", "pass@k curves", "noisy", "atp-sft", "sim-cot", "pass@8"),
    Claim("more diverse paths: pass@16 above SIM-CoT's", "pass@k curves", "noisy", "atp-sft", "sim-cot", "pass@16"),
)  # fmt: skip

EQUIVALENT, ONE, RIGHT = "right_chains_several", "right_chains_1", "right_chains"
"""Right chains where several are right, where one is, and of all questions."""
PLANNING_CLAIMS = tuple(
    replace(claim, regime=regime)
    for claim in (
        Claim("imitation suffers from equivalence: after ATP-Latent's first stage fewer thoughts are a right chain "
              "where several are right than where one is", "argued", "", "atp-sft", "atp-sft", EQUIVALENT, fewer=True,
              base_metric=ONE),
        Claim("... and fewer than of chains in words", "not measured", "", "atp-sft", "cot", EQUIVALENT, fewer=True),
        Claim("planning, whose reward reads no label, repairs it", "argued", "", "plan", "atp-sft", EQUIVALENT),
        Claim("... better than more imitation", "not measured", "", "plan", "continued-sft", EQUIVALENT),
        Claim("... better than rewards that carry no information", "not measured", "", "plan", "plan-shuffled",
              EQUIVALENT),
        Claim("... better than imitating its own right chains", "not measured", "", "plan", "plan-rejection",
              EQUIVALENT),
        Claim("... counted over all questions", "not measured", "", "plan", "plan-rejection", RIGHT),
        Claim("... better than the paper's reward", "not measured", "", "plan", "plan-paper", EQUIVALENT),
        Claim("... counted over all questions", "not measured", "", "plan", "plan-paper", RIGHT),
        Claim("... and takes no more than 0.5 points of the answers", "not measured", "", "plan", "atp-sft",
              margin=-0.5),
        Claim("... nor of the right chains where one is right", "not measured", "", "plan", "atp-sft", ONE,
              margin=-0.5),
        Claim("ATP-Latent with planning has more right chains than SIM-CoT with the same second stage", "not measured",
              "", "plan", "sim-cot-plan", RIGHT),
        Claim("... where several are right", "not measured", "", "plan", "sim-cot-plan", EQUIVALENT),
    )
    for regime in ("clean", "routes")
) + tuple(
    replace(claim, regime=regime, ours=step)
    for claim in (
        Claim("with a step posterior and planning it has more right chains than SIM-CoT with planning", "not measured",
              "", "", "sim-cot-plan", RIGHT),
        Claim("... where several are right", "not measured", "", "", "sim-cot-plan", EQUIVALENT),
    )
    for regime, step in (("clean", "plan-step"), ("routes", "atp-step-plan"))
) + tuple(
    replace(claim, regime="clean")
    for claim in (
        Claim("planning that is shown the nearest right chain repairs it", "not measured", "", "plan-nearest",
              "atp-sft", EQUIVALENT),
        Claim("... better than planning by the reward alone", "not measured", "", "plan-nearest", "plan", EQUIVALENT),
        Claim("... better than with rewards that carry no information", "not measured", "", "plan-nearest",
              "plan-nearest-shuffled", EQUIVALENT),
        Claim("... and takes no more than 0.5 points of the answers", "not measured", "", "plan-nearest", "atp-sft",
              margin=-0.5),
        Claim("... nor of the right chains where one is right", "not measured", "", "plan-nearest", "atp-sft", ONE,
              margin=-0.5),
        Claim("... with more right chains where several are right than SIM-CoT with the same", "not measured", "",
              "plan-nearest", "sim-cot-plan-nearest", EQUIVALENT),
        Claim("... and with a step posterior after it", "not measured", "", "plan-nearest-step",
              "sim-cot-plan-nearest", EQUIVALENT),
    )
) + tuple(
    replace(claim, regime=regime, ours=step, base={"": "atp-sft", "itself": step}[claim.base],
            metric=f"causes {claim.metric} {outcome}" if claim.metric in ("borrowed", "typed") else claim.metric,
            base_metric=claim.base_metric and f"causes {claim.base_metric} {outcome}")
    for claim in (
        Claim("a step posterior makes thoughts causes: more follows from another question's thought than after "
              "ATP-Latent's first stage", "not measured", "", "", "", "borrowed"),
        Claim("... more from a typed thought than from noise that moves it as far", "not measured", "", "", "itself",
              "typed", base_metric="noise"),
        Claim("... at no more than 0.5 points of the answers", "not measured", "", "", "", margin=-0.5),
        Claim("... with more right chains where several are right", "not measured", "", "", "", EQUIVALENT),
    )
    for regime, step, outcome in (
        ("clean", "plan-step", "answer_follows"),
        ("clean", "plan-nearest-step", "answer_follows"),
        ("routes", "atp-step", "rest_follows"),
    )
)  # fmt: skip
"""What is said about planning, of the lines of configs/compare-planning.yaml."""


def verdict(difference: OverSeeds | None, fewer: bool, margin: float = 0.0) -> str:
    """What the interval says; one or two seeds have none that means anything."""
    if difference is None:
        return "not measured yet"
    if difference.n < 3:
        return "undecided"
    better = (-difference.mean if fewer else difference.mean) - margin
    if better - difference.half > 0:
        return "holds"
    return "does not hold" if better + difference.half < 0 else "undecided"


def claims_table(rows: Sequence[dict], claims: Sequence[Claim] = CLAIMS) -> str:
    """One line a claim: the paper's figure, ours over seeds, the verdict."""
    lines = []
    for claim in claims:
        difference = claim.measured(rows)
        seeds = "" if difference is None else str(difference.n)
        shown = "" if difference is None else f"{difference.signed()} {claim.unit}".rstrip()
        says = verdict(difference, claim.fewer, claim.margin)
        lines.append([claim.text, claim.regime, claim.paper, claim.cells, shown, seeds, says])
    header = ["claim", "regime", "paper", "cells compared", "here", "seeds", "verdict"]
    return markdown(header, lines)
