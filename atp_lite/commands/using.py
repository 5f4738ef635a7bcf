"""What is done with a checkpoint: `eval`, `solve`, `explore`, `export-explorer`."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Literal

import tyro
from accelerate import Accelerator

from atp_lite.commands.options import Config
from atp_lite.evaluate import EvalSettings, evaluate
from atp_lite.planner import Planner
from atp_lite.problems import ArithmeticSettings, generate, read_expression
from atp_lite.recipes import CHECKPOINTS
from atp_lite.sources import Sources
from atp_lite.views import thought_table, thought_text
from atp_lite.views.measure import identity
from atp_lite.views.tables import unread_text


@dataclass(frozen=True)
class Eval(Sources):
    """Evaluate a checkpoint: accuracy with interval, tokens, stops, decoded steps, coherence, pass@k."""

    checkpoint: Annotated[Path, tyro.conf.Positional] = CHECKPOINTS / "atp-rl"
    """Folder of the checkpoint."""
    test: Path | None = None
    """JSONL of test problems; none makes the test set."""
    settings: EvalSettings = field(default_factory=EvalSettings)
    out: Path | None = None
    """Folder for report.json, report.md and outcomes.jsonl."""
    config: Config = None

    def run(self) -> int:
        planner = Planner.from_pretrained(self.checkpoint)
        result = evaluate(planner, self.load(self.test, "test"), self.settings, progress=True)
        if not Accelerator().is_main_process:
            return 0
        print(result.to_markdown())
        print("\n95 % intervals over problems (Wilson for shares of problems, normal for means).")
        if self.out:
            self.out.mkdir(parents=True, exist_ok=True)
            (self.out / "report.json").write_text(json.dumps(result.to_json(), indent=1))
            (self.out / "report.md").write_text(result.to_markdown() + "\n")
            result.write_outcomes(self.out / "outcomes.jsonl")
            print(f"written to {self.out}")
        return 0


@dataclass(frozen=True)
class Solve:
    """Let a planner solve one expression; see each latent's decoded step, the stops and the answer."""

    expression: Annotated[str, tyro.conf.Positional]
    """Such as "(3+4)*(9-2)": whole numbers, + - * and parentheses."""
    checkpoint: Path = CHECKPOINTS / "atp-rl"
    """Folder of the checkpoint."""

    def run(self) -> int:
        problem = read_expression(self.expression)
        planner = Planner.from_pretrained(self.checkpoint)
        trace = planner.reason([problem])
        if planner.model.decoder is None and planner.model.config.max_latents:  # a rival that has none
            counts = {"n_latents": int(trace.n_latents[0]), "n_answer_tokens": int(trace.n_answer_tokens[0])}
            print(unread_text(identity(trace, 0) | counts))
        else:
            print(thought_text(thought_table(planner, trace)))
        return 0


@dataclass(frozen=True)
class Explore:
    """Open the explorers in the browser, served to this computer only: move thoughts, read paths, rewrite steps."""

    checkpoint: Path = CHECKPOINTS / "atp-rl"
    """Folder of the checkpoint."""
    beside: Path | None = None
    """Checkpoint whose trajectories stand beside, such as what this one was trained from."""
    rl_run: Path | None = None
    """Folder of an RL run with kept checkpoints (rl --settings.keep-every); none shows a bundled run."""
    port: int = 8866
    """Port on 127.0.0.1."""
    browser: bool = True
    """Open a browser; --no-browser only serves."""

    def run(self) -> int:
        from atp_lite.views.serve import serve

        return serve(self.checkpoint, self.port, self.browser, self.beside, self.rl_run)


@dataclass(frozen=True)
class ExportExplorer:
    """Write an explorer as one HTML file that works offline: move a thought, watch the answer."""

    out: Annotated[Path, tyro.conf.Positional]
    """The file to write, such as explorer.html."""
    explorer: Literal["debugger", "coherence", "trajectories", "space", "microscope", "race"] = "debugger"
    """Which one."""
    checkpoint: Path = CHECKPOINTS / "atp-rl"
    """Folder of the checkpoint."""
    beside: Path | None = None
    """Checkpoint whose trajectories stand beside; a bundled RL checkpoint has the one it was trained from."""
    rl_run: Path | None = None
    """Folder of an RL run with kept checkpoints, for the microscope; none takes a bundled run."""
    problems: int = 60
    """Test problems that axes are fitted on."""
    shown: int = 4
    """Of these, and one worked example, how many can be looked at."""

    def run(self) -> int:
        from atp_lite.views.export.bundled import export_bundled

        made = [read_expression("(3+4)*(9-2)"), *generate(ArithmeticSettings(), "test")[: self.problems]]
        page = export_bundled(self.out, self.explorer, self.checkpoint, made, self.shown, self.beside, self.rl_run)
        print(f"{page} ({page.stat().st_size / 1e6:.1f} MB): open it in a browser, no network needed")
        return 0
