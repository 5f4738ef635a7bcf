"""SmolLM2-135M learns to think on GSM8K: what became of it, in data/evidence/smollm2/ and docs/smollm2.md.

    atp-lite sft --config configs/smollm2-135m.yaml                                      the run
    python -m benchmarks.smollm2 measure --run RUN --backbone FOLDER --mirror FOLDER     measures it (minutes)
    python -m benchmarks.smollm2 page                                                    writes the page and its picture

`measure` reads word problems of `--mirror` and keeps none of their words: the stories whose thoughts are shown were
written for this page.
"""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass, field
from pathlib import Path

import plotly.graph_objects as go
from plotly.subplots import make_subplots

from atp_lab.compare.rows import code_version
from atp_lite.cli.command_line import parse
from atp_lite.domains import BenchmarkSettings, Problem, load_benchmark
from atp_lite.engine.log import read_metrics
from atp_lite.engine.pretrained import BackboneSettings
from atp_lite.evaluation import EvalSettings, ProblemSet, evaluate_benchmarks
from atp_lite.planner import Planner
from atp_lite.views.palette import COLOURS, TEMPLATE
from benchmarks.evidence import fill
from tools.pictures import figure_picture

FOLDER = Path("data/evidence/smollm2")
PAGE = Path("docs/smollm2.md")
PICTURE = Path("docs/img/smollm2-losses.png")
SETS = {
    "gsm8k": ("gsm8k", "test_head50"),
    "gsm_hard": ("gsm_hard", "test_head50"),
    "multiarith": ("multiarith", "test_head50"),
    "svamp": ("svamp", "test"),
}
"""Name in the table -> the benchmark and the file of it. The heads are the first 50 rows of a test set."""
TERMS = {
    "loss_enc": "words and answer (cross-entropy, nats a token)",
    "loss_dec": "decoder (cross-entropy, nats a token)",
    "loss_stop": "stop head (cross-entropy, nats a latent)",
    "loss_kl": "KL to N(0, I) (nats a latent)",
}
SHOWN = (
    Problem("Mira bakes 4 trays of 6 rolls. She gives 5 rolls away. How many are left?", ("4*6=24", "24-5=19"), "19"),
    Problem("A pen costs $3, a book $8. Tom buys 2 pens and a book. What does he pay?", ("3*2=6", "6+8=14"), "14"),
    Problem("Half of a bus's 40 seats are taken. 7 more people sit down. Seats taken?", ("40/2=20", "20+7=27"), "27"),
    Problem("Lea reads 12 of her 100 pages a day. How many are left after 5 days?", ("12*5=60", "100-60=40"), "40"),
)
"""Written for this page; what the decoder makes of the thoughts about them is shown."""


@dataclass(frozen=True)
class Measure:
    """Measure a finished run."""

    run: Path
    """Folder of the run; its checkpoint that was best on validation is measured."""
    backbone: Path
    """Folder of the LM it started from."""
    mirror: Path
    """Folder of the benchmarks' files."""
    settings: EvalSettings = field(default_factory=lambda: EvalSettings(batch_size=25))
    pretrained: BackboneSettings = field(
        default_factory=lambda: BackboneSettings(
            max_latents=6, max_answer_tokens=48, decoder="layers", decoder_layers=4
        )
    )
    """As in the run's settings file, for the planner before training."""

    def __call__(self) -> None:
        FOLDER.mkdir(parents=True, exist_ok=True)
        lines = [line for line in read_metrics(self.run / "metrics.jsonl")]
        (FOLDER / "metrics.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
        planners = {
            "before": Planner.from_backbone(self.backbone, self.pretrained),
            "after": Planner.from_pretrained(self.run / "best"),
        }
        shown = {}
        for name, planner in planners.items():
            trace = planner.reason(list(SHOWN))
            shown[name] = [
                {"steps": steps, "answer": answer} for steps, answer in zip(trace.steps, trace.answers, strict=True)
            ]
        sets = []
        for name, (benchmark, split) in SETS.items():
            problems = load_benchmark(BenchmarkSettings(benchmark, split, self.mirror))
            sets.append(ProblemSet(name, problems))
        report = evaluate_benchmarks(planners["after"], sets, self.settings)
        result = {
            "version": code_version(),
            "settings": json.loads((self.run / "settings.json").read_text()),
            "parameters": sum(p.numel() for p in planners["after"].model.parameters()),
            "shown": shown,
            "report": report.to_json(),
            "rows": report.rows(),
            "notes": report.notes(),
        }
        (FOLDER / "result.json").write_text(json.dumps(result, indent=1) + "\n")
        print(f"written: {FOLDER}")


@dataclass(frozen=True)
class Page:
    """Write the page from the committed files."""

    picture: bool = True
    """Draw the losses too (needs chromium)."""

    def __call__(self) -> None:
        PAGE.write_text(fill(PAGE.read_text(), tables()))
        if self.picture:
            draw()
        print(f"written: {PAGE}")


def tables(root: Path = Path()) -> dict[str, str]:
    """The tables of the page by their names, as Markdown."""
    result = json.loads((root / FOLDER / "result.json").read_text())
    lines = read_metrics(root / FOLDER / "metrics.jsonl")
    rows = ["| question | reference | decoded before training | decoded after | answer after |", "|---" * 5 + "|"]
    for i, problem in enumerate(SHOWN):
        before, after = (result["shown"][name][i] for name in ("before", "after"))
        cells = [problem.question, "; ".join(problem.steps), _quoted(before["steps"]), _quoted(after["steps"])]
        rows.append("| " + " | ".join([*cells, f"`{after['answer']}`"]) + " |")
    found = result["rows"]
    sets = ["| " + " | ".join(found[0]) + " |", "|---" * len(found[0]) + "|"]
    sets += ["| " + " | ".join(row.values()) + " |" for row in found]
    sets += ["", *(f"- {note}" for note in result["notes"])]
    return {
        "smollm2-shown": "\n".join(rows),
        "smollm2-losses": losses_table(lines),
        "smollm2-sets": "\n".join(sets),
        "smollm2-validation": validation_table(lines),
    }


def validation_table(lines: list[dict]) -> str:
    """What was seen of the validation problems on the way."""
    names = {"validation_accuracy": "accuracy, %", "validation_equations_right": "steps that are valid arithmetic, %"}
    names |= {"validation_step_match": "steps that are reference steps, %", "validation_coherence": "coherence, %"}
    rows = ["| optimizer step | CPU minutes | " + " | ".join(names.values()) + " |", "|---" * (2 + len(names)) + "|"]
    cpu = 0.0
    for line in lines:
        cpu = line.get("cpu_seconds", cpu)
        if "validation_accuracy" in line:
            shown = [f"{100 * line[name]:.1f}" for name in names]
            rows.append(f"| {line['step']} | {cpu / 60:.0f} | " + " | ".join(shown) + " |")
    return "\n".join(rows)


def losses_table(lines: list[dict]) -> str:
    """The four terms: mean over the first and the last five logged lines that have them, a row a stage."""
    rows = ["| stage | steps | " + " | ".join(TERMS.values()) + " |", "|---" * (2 + len(TERMS)) + "|"]
    logged = [line for line in lines if "loss_enc" in line]
    for stage in sorted({line["stage"] for line in logged}):
        own = [line for line in logged if line["stage"] == stage]
        cells = []
        for name in TERMS:
            first, last = (sum(line[name] for line in part) / len(part) for part in (own[:2], own[-2:]))
            cells.append("" if stage == 0 and name != "loss_enc" else f"{first:.2f} to {last:.2f}")
        rows.append(f"| {stage} | {own[0]['step']} to {own[-1]['step']} | " + " | ".join(cells) + " |")
    return "\n".join(rows)


def draw(root: Path = Path()) -> None:
    """The four losses over the run, one panel each, as PNG."""
    lines = [line for line in read_metrics(root / FOLDER / "metrics.jsonl") if "loss_enc" in line]
    figure = make_subplots(rows=1, cols=4, subplot_titles=[text.split(" (")[0] for text in TERMS.values()])
    for column, (name, text) in enumerate(TERMS.items(), start=1):
        points = [(line["step"], line[name]) for line in lines if name == "loss_enc" or line["stage"] > 0]
        x, y = zip(*points, strict=True)
        trace = go.Scatter(x=x, y=y, mode="lines+markers", line={"color": COLOURS[column - 1]}, showlegend=False)
        figure.add_trace(trace, row=1, col=column)
        figure.update_xaxes(title="optimizer step", row=1, col=column)
        unit = text.split(", ")[-1].rstrip(")").split("(")[-1]
        figure.update_yaxes(title=unit, rangemode="tozero", row=1, col=column)
    starts = [a["step"] for b, a in zip(lines, lines[1:], strict=False) if a["stage"] != b["stage"]]
    for step in starts:
        figure.add_vline(x=step, line={"dash": "dot", "color": "grey", "width": 1})
    figure.update_layout(template=TEMPLATE, width=1200, height=330, margin={"t": 40})
    figure.update_layout(paper_bgcolor="white", plot_bgcolor="white")
    figure_picture(figure, root / PICTURE, 1200, 330)


def _quoted(steps: list[str]) -> str:
    return "; ".join(f"`{step.replace('|', '')[:40]}`" for step in steps) or "nothing"


if __name__ == "__main__":
    command = parse({"measure": Measure, "page": Page}[sys.argv[1]], sys.argv[2:], sys.argv[1])
    if command is not None:
        command()
