"""The pages that carry figures: tables and claims, made from the lines in data/evidence/, never typed.

atp-lite compare --config configs/compare-toy.yaml     adds lines; so do compare-planning and compare-stories
python -m benchmarks.evidence                          writes README.md, docs/results.md and docs/claims.md
python -m benchmarks.evidence --draw                   and their pictures (needs chromium)
"""

from __future__ import annotations

import re
import statistics
import sys
from collections.abc import Sequence
from pathlib import Path

from atp_lab.compare.claims import PLANNING_CLAIMS, claims_table
from atp_lab.compare.rows import read_rows
from atp_lab.compare.tables import (
    AS_THEY_ARE,
    NOT_YET,
    OverSeeds,
    by_seed,
    main_table,
    markdown,
    measured_of,
    minutes,
    minutes_in_all,
    over_seeds,
    paired,
)
from atp_lite.evaluation import Estimate
from atp_lite.recipes import ARMS
from benchmarks.pictures import draw

FILES = (Path("data/evidence/toy.jsonl"), Path("data/evidence/stories.jsonl"))
"""One for each grid; regimes tell their lines apart."""
PLANNING = (Path("data/evidence/planning.jsonl"), Path("data/evidence/larger-maps.jsonl"))
"""The grids of planning, whose lines stand in tables of their own."""
PAGES = (Path("README.md"), Path("docs/results.md"), Path("docs/claims.md"))
"""Pages that carry tables."""

METRICS = {
    "accuracy": "greedy accuracy, %",
    "sampled_accuracy": "accuracy with sampled latents, %",
    "pass@8": "pass@8 (latents and answers sampled), %",
    "coherence": "coherence, %",
    "equations_right": "decoded steps that are valid arithmetic, %",
    "step_match": "decoded steps that are reference steps, %",
    "stop": "right number of steps, %",
    "latents": "latents per problem",
    "answer_tokens": "answer tokens per problem",
}
STORIES = ("cot", "sim-cot", "atp-sft", "continued-sft", "grpo")
RIVALS = ("cot", "no-cot", "coconut", "sim-cot", "sim-cot-grpo", "atp-sft", "grpo")
SHORT = ("cot", "no-cot", "pause", "icot", "coconut", "codi", "colar", "colar-grpo", "sim-cot", "atp-sft")
FIRST_STAGE = (
    "atp-sft", "atp-point", "atp-fixed", "atp-no-decoder", "atp-no-curriculum", "atp-beta-0.001", "atp-beta-0.3",
    "atp-beta-1",
)  # fmt: skip
SECOND_STAGE = (
    "grpo", "grpo-sigma-0.1", "grpo-sigma-0.2", "grpo-sigma-0.8", "grpo-group-2", "grpo-group-4", "grpo-group-16",
)  # fmt: skip
"""Of the short cells, whose names begin with `short-`."""
NAMES = {
    "cot": "CoT-SFT",
    "no-cot": "No-CoT-SFT",
    "pause": "pause tokens",
    "icot": "iCoT",
    "coconut": "Coconut",
    "codi": "CODI",
    "colar": "CoLaR, first stage",
    "colar-grpo": "CoLaR, with its GRPO",
    "sim-cot": "SIM-CoT",
    "sim-cot-grpo": "SIM-CoT, then GRPO on its answers",
    "atp-sft": "ATP-Latent, first stage",
    "grpo": "ATP-Latent, with RL",
    "continued-sft": "ATP-Latent, SFT continued",
}
"""How a reader knows a cell."""
ABLATED = {
    "atp-sft": "ATP-Latent, first stage (final beta d = 0.1)",
    "atp-point": "without the VAE (points)",
    "atp-fixed": "without the stop head (4 latents)",
    "atp-no-decoder": "without the decoder's loss",
    "atp-no-curriculum": "without the curriculum",
    "atp-beta-0.001": "final beta d = 0.001, the paper's",
    "atp-beta-0.3": "final beta d = 0.3",
    "atp-beta-1": "final beta d = 1",
    "grpo": "GRPO (sigma about 0.42, G = 8)",
    "grpo-sigma-0.1": "sigma 0.1",
    "grpo-sigma-0.2": "sigma 0.2",
    "grpo-sigma-0.8": "sigma 0.8",
    "grpo-group-2": "G = 2, 256 questions",
    "grpo-group-4": "G = 4, 128 questions",
    "grpo-group-16": "G = 16, 32 questions",
}


def cell(rows: dict[int, dict], name: str) -> str:
    """A metric of one cell over its seeds; of a single seed a share with its interval over the test problems."""
    if len(rows) == 1:
        (row,) = rows.values()
        if (found := row["evaluation"]["metrics"].get(name)) is not None and name not in AS_THEY_ARE:
            return Estimate(**found).percent()
    return "" if (found := over_seeds(rows, name)) is None else str(found)


def supervised_table(rows: list[dict], regime: str) -> str:
    """Chain of thought and latent SFT side by side, a line a metric."""
    arms = {"CoT-SFT": by_seed(rows, regime, "cot"), "ATP-Latent SFT": by_seed(rows, regime, "atp-sft")}
    lines = []
    for name, label in METRICS.items():
        shown = arms | ({"CoT-SFT": {}} if name == "sampled_accuracy" else {})  # CoT has no latents to draw
        lines.append([label, *(cell(found, name) for found in shown.values())])
    sigmas = [row["evaluation"]["sigma"] for row in arms["ATP-Latent SFT"].values()]
    lines.append(["mean sigma of the latents", "", f"{statistics.fmean(sigmas):.2f}" if sigmas else ""])
    times = [[row["cpu_seconds"] / 60 for row in found.values()] for found in arms.values()]
    lines.append(["CPU minutes, one thread", *(f"{statistics.fmean(v):.1f}" if v else "" for v in times)])
    lines.append(["training seeds", *(str(len(found)) for found in arms.values())])
    return markdown(["", *arms], lines)


def signed(difference: OverSeeds | None) -> str:
    return "" if difference is None else difference.signed()


def arms_table(rows: list[dict], regime: str) -> str:
    """Everything done from the same latent checkpoints, each arm with its gains."""
    start, going_on = by_seed(rows, regime, "atp-sft"), by_seed(rows, regime, "continued-sft")
    header = ["from the same checkpoints", "greedy accuracy, %", "gain over the checkpoint", "gain over continued SFT"]
    header += ["coherence, %", "valid arithmetic, %", "CPU minutes", "seeds"]
    lines = []
    for arm in ("atp-sft", *ARMS):
        found = by_seed(rows, regime, arm)
        if found:
            gains = [signed(paired(found, start)), signed(paired(found, going_on))]
            if arm in ("atp-sft", "continued-sft"):  # no gain over oneself
                gains = ["", ""] if arm == "atp-sft" else [gains[0], ""]
            minutes = statistics.fmean(row["cpu_seconds"] / 60 for row in found.values())
            shown = "the checkpoint itself" if arm == "atp-sft" else arm
            cells = [cell(found, name) for name in ("coherence", "equations_right")]
            time = "" if arm == "atp-sft" else f"{minutes:.1f}"
            lines.append([shown, cell(found, "accuracy"), *gains, *cells, time, str(len(found))])
    return markdown(header, lines)


def tables(rows: list[dict], planning: list[dict]) -> dict[str, str]:
    """Every table by its name, as Markdown, from the lines of `FILES` and those of `PLANNING`."""
    made = {"claims": claims_table(rows), "planning-claims": claims_table(planning, PLANNING_CLAIMS)}
    on_arithmetic = {name: text for name, text in CHAINS.items() if name not in ROUTES_ALONE}
    made |= {
        "planning-clean": metric_table(planning, "clean", PLANNED, on_arithmetic, in_all=True),
        "planning-routes": metric_table(planning, "routes", PLANNED, CHAINS, in_all=True),
        "planning-larger-maps": metric_table(planning, "routes-7", PLANNED, CHAINS, in_all=True),
    }
    made |= {
        "headline": metric_table(planning, "clean", HEADLINE, HEADLINES, in_all=True),
        "causes-clean": metric_table(planning, "clean", PLANNED, CAUSES),
        "causes-routes": metric_table(planning, "routes", PLANNED, CAUSES_OF_HOPS),
    }
    for regime in ("clean", "noisy"):
        made |= {
            f"{regime}-supervised": supervised_table(rows, regime),
            f"{regime}-arms": arms_table(rows, regime),
            f"{regime}-rivals": main_table(rows, regime, RIVALS, NAMES),
        }
    return made | {
        "short-rivals": short_table(rows, "clean", SHORT, NAMES, same_time=True),
        "short-first-stage": short_table(rows, "clean", FIRST_STAGE, ABLATED),
        "short-second-stage": short_table(rows, "noisy", SECOND_STAGE, ABLATED),
        "noisy-remedies": metric_table(rows, "noisy", REMEDIES, REMEDIED),
        "smooth": metric_table(rows, "clean", SMOOTH_ARMS, SMOOTH),
        "stories": main_table(rows, "stories", STORIES, NAMES),
        "hidden": metric_table(rows, "hidden", HIDDEN_ARMS, HIDDEN),
    }


PLANNED = {
    "cot": "CoT-SFT, in words",
    "sim-cot": "SIM-CoT",
    "sim-cot-plan": "SIM-CoT, then planning",
    "sim-cot-plan-nearest": "SIM-CoT, then planning with the nearest right chain",
    "atp-sft": "ATP-Latent, first stage",
    "continued-sft": "ATP-Latent, SFT continued",
    "plan-shuffled": "ATP-Latent, planning with shuffled rewards",
    "plan-rejection": "ATP-Latent, SFT on its own right chains",
    "plan-paper": "ATP-Latent, RL with the paper's reward",
    "plan": "ATP-Latent, then planning",
    "plan-nearest": "ATP-Latent, then planning with the nearest right chain",
    "plan-nearest-shuffled": "the same with shuffled rewards",
    "atp-step": "ATP-Latent with a step posterior",
    "atp-step-plan": "ATP-Latent with a step posterior, then planning",
    "plan-step": "ATP-Latent, planning, then a step posterior on its own chains",
    "plan-nearest-step": "ATP-Latent, planning with the nearest right chain, then a step posterior on its own chains",
}
"""Cells of the grid of planning, in the order of their tables."""
CHAINS = {
    "right_chains": "right chains, %",
    "right_chains_1": "one is right, %",
    "right_chains_several": "several are right, %",
    "right_chains_2-3": "2-3, %",
    "right_chains_4-9": "4-9, %",
    "right_chains_10+": "10+, %",
    "arrives": "chain arrives, %",
    "sampled_right_chains": "right chains, sampled, %",
    "chain_pass@8": "a right one among 8, %",
    "accuracy": "right answers, %",
}
"""Metrics of the tables of planning, and how a reader knows them."""
CAUSES = {
    "causes swap-all answer_follows": "all swapped: answer follows, %",
    "causes swap-all answer_stays": "stays, %",
    "causes typed answer_follows": "another step typed: answer follows, %",
    "causes typed answer_stays": "stays, %",
    "causes noise answer_follows": "control, noise as far: answer follows, %",
    "causes noise answer_stays": "stays, %",
    "causes same-text answer_stays": "control, same text: answer stays, %",
}
"""What becomes of the answer when thoughts are replaced (`atp_lite.evaluation.interventions`), over all places."""
CAUSES_OF_HOPS = {
    "causes borrowed rest_follows": "another hop's thought put in: later hops follow, %",
    "causes typed rest_follows": "another hop typed: later hops follow, %",
    "causes typed rest_arrives": "and arrive, %",
    "causes noise rest_follows": "control, noise as far: follow, %",
    "causes noise rest_stays": "stay, %",
    "causes same-text rest_stays": "control, same text: stay, %",
}
"""The same of later steps: on a map the answer stands in the question, and no thought can change it."""
HEADLINE = {
    "cot": "in words",
    "sim-cot": "in latents: SIM-CoT, a rival",
    "atp-sft": "in latents: ATP-Latent after imitation",
    "plan": "... then planning, by the reward alone",
    "plan-nearest": "... or planning with the nearest right chain",
    "plan-nearest-step": "... and then a step posterior",
}
HEADLINES = {
    "right_chains_1": "right chains where one is right, %",
    "right_chains_several": "where several are, %",
    "accuracy": "right answers, %",
    "causes swap-all answer_follows": "answer follows, %",
    "latents": "latents",
    "answer_tokens": "tokens written",
}
"""Rows and columns of the README's table."""
ROUTES_ALONE = ("right_chains_2-3", "right_chains_4-9", "right_chains_10+", "arrives")
"""On arithmetic two or three are right where several are, and what arrives is a right chain."""


def short_table(
    rows: list[dict], regime: str, arms: Sequence[str], names: dict[str, str], same_time: bool = False
) -> str:
    """The short cells; with `same_time`, beside each the accuracy of a run with as much CPU time as ATP-Latent's."""
    beside = {f"short-{arm}": f"even-{arm}" for arm in arms}
    beside["short-atp-sft"] = "short-atp-sft"  # the measure of the others
    named = {f"short-{arm}": names[arm] for arm in arms}
    return main_table(rows, regime, list(named), named, beside if same_time else None)


REMEDIES = {
    "sim-cot": "SIM-CoT",
    "sim-cot-grpo": "SIM-CoT, then GRPO on its answers",
    "atp-sft": "ATP-Latent, first stage",
    "grpo": "ATP-Latent, then GRPO (sigma about 0.42)",
    "grpo-whole-credit": "the same, latents credited with the whole reward",
    "grpo-sigma-0.2": "the same with sigma 0.2",
    "grpo-sigma-0.1": "the same with sigma 0.1",
    "grpo-answers": "the same without noise: answers alone are drawn and learn",
}
REMEDIED = {
    "accuracy": "greedy accuracy, %",
    "coherence": "coherence, %",
    "equations_right": "valid arithmetic, %",
    "pass@8": "pass@8, %",
    "diversity": "distinct chains, %",
}
SMOOTH_ARMS = {
    "short-coconut": "Coconut",
    "short-sim-cot": "SIM-CoT",
    "short-atp-point": "ATP-Latent without the VAE (points)",
    "short-atp-sft": "ATP-Latent, first stage",
}
HIDDEN_ARMS = {
    "hidden-cot": "CoT-SFT",
    "hidden-sim-cot": "SIM-CoT (4 latents)",
    "hidden-atp-fixed": "ATP-Latent without the stop head (4 latents)",
    "hidden-atp-sft": "ATP-Latent, first stage",
}
SMOOTH = {
    "accuracy": "greedy accuracy, %",
    **{f"noise {share}": f"noise {share}, %" for share in ("0.25", "0.5", "0.75", "1.0")},
    "between 0.25 accuracy": "a quarter of the way, %",
    "between 0.5 accuracy": "half way, %",
    "between 0.5 valid": "half way, valid arithmetic, %",
}


HIDDEN = {
    "accuracy": "greedy accuracy, %",
    "stop": "right number of steps, %",
    "pass@8": "pass@8, %",
    "coherence": "coherence, %",
    "latents": "latents",
}


def metric_table(
    rows: list[dict], regime: str, arms: dict[str, str], metrics: dict[str, str], in_all: bool = False
) -> str:
    """One line a cell, some metrics over its seeds.

    arms: cell -> what a reader should see in its place. in_all: with the CPU minutes of all that it starts from.
    """
    lines, known = [], measured_of(metrics, rows, regime, arms)
    for arm, name in arms.items():
        found = by_seed(rows, regime, arm)
        if cells := [cell(found, metric) for metric in known if found]:
            spent = [minutes(found), minutes_in_all(rows, found)] if in_all else [minutes(found)]
            lines += [[name, *cells, *spent, str(len(found))]] if any(cells) else []
    times = ["CPU minutes", "in all"] if in_all else ["CPU minutes"]
    return markdown(["", *known.values(), *times, "seeds"], lines) if lines else NOT_YET


def fill(text: str, made: dict[str, str]) -> str:
    """Put each table between `<!-- table NAME -->` and `<!-- end -->`; the rest of the page stays."""
    for name, table in made.items():
        pattern = rf"(<!-- table {re.escape(name)} -->\n).*?(<!-- end -->)"
        text = re.sub(pattern, lambda m, table=table: f"{m[1]}{table}\n{m[2]}", text, flags=re.DOTALL)
    return text


def all_rows(files: Sequence[Path] = FILES, root: Path = Path()) -> list[dict]:
    """The lines of some grids."""
    return [row for file in files for row in read_rows(root / file)]


def write_pages(pages: Sequence[Path] = PAGES) -> None:
    made = tables(all_rows(), all_rows(PLANNING))
    for page in pages:
        page.write_text(fill(page.read_text(), made))


if __name__ == "__main__":
    write_pages()
    print("written: " + ", ".join(map(str, PAGES)))
    if "--draw" in sys.argv[1:]:
        draw(all_rows(), all_rows(PLANNING))
        print("drawn: pass-at-k.png, noise.png, right-chains-clean.png and right-chains-routes.png of docs/img")
