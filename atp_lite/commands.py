"""The commands of `atp-lite`: each is a dataclass of settings (its options and its help) with a `run` method.

`--config FILE.yaml` fills the same names from a file; options given on the command line win.
"""

from __future__ import annotations

import json
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Literal

import transformers
import tyro
from accelerate import Accelerator

from atp_lite.baselines import METHODS
from atp_lite.config import read_config
from atp_lite.evaluate import EvalSettings, evaluate
from atp_lite.model import BackboneSettings
from atp_lite.model.lora import LoRASettings, add_lora
from atp_lite.planner import ModelSettings, Planner
from atp_lite.problems import (
    SPLITS,
    ArithmeticSettings,
    Problem,
    data_hash,
    generate,
    label_errors,
    overlap,
    read_expression,
    write_jsonl,
)
from atp_lite.recipes import CHECKPOINTS, GRPO, JOURNEY, LATENT
from atp_lite.rl import RLSettings, train_rl
from atp_lite.sft import SFTSettings, train_sft
from atp_lite.sources import Sources
from atp_lite.views import thought_table, thought_text
from atp_lite.views.measure import identity
from atp_lite.views.tables import unread_text

NO_LORA = LoRASettings(rank=0)
Config = Annotated[Path | None, tyro.conf.arg(help="YAML file with any of the settings below")]


@dataclass(frozen=True)
class Data(Sources):
    """Make toy expressions or story problems: one JSONL file a split, with id, question, steps, answer, source."""

    out: Path | None = None
    """Folder to write to; none takes data/toy or data/stories."""
    splits: tuple[str, ...] = ("train", "rl", "validation", "test")
    """Which splits; their questions are disjoint."""
    limit: int | None = None
    """At most this many problems a split."""
    config: Config = None

    def run(self) -> int:
        out = self.out if self.out is not None else Path("data") / self.kind
        written: dict[str, list[Problem]] = {}
        for split in self.splits:
            if split not in SPLITS:
                raise ValueError(f"split {split!r}: choose from {', '.join(SPLITS)}")
            made = written[split] = self.load(None, split)[: self.limit]
            path = out / f"{split}.jsonl"
            write_jsonl(path, made)
            wrong = sum(n for n, _ in label_errors(made).values())
            print(f"{path}: {len(made)} problems, {wrong} wrong labels, hash {data_hash(made)}")
        shared = overlap(written)
        if shared:
            raise ValueError(f"questions stand in more than one split or twice in one: {', '.join(map(str, shared))}")
        return 0


@dataclass(frozen=True)
class SFT(Sources):
    """Supervised training: chain of thought (--settings.first-stage 0) or latents, along the curriculum."""

    out: Path = Path("runs/sft")
    """Folder of the run: metrics.jsonl, tensorboard, state (to resume), best and last checkpoints."""
    init: Path | None = None
    """Checkpoint to start from; none starts from random weights."""
    train: Path | None = None
    """JSONL of training problems; none makes problems."""
    validation: Path | None = None
    """JSONL of validation problems; none makes problems."""
    model: ModelSettings = field(default_factory=ModelSettings)
    """A fresh small model, where neither --init nor --backbone is given."""
    backbone: str | None = None
    """Pretrained causal LM to start from: a name on the Hugging Face hub, or a folder."""
    pretrained: BackboneSettings = field(default_factory=BackboneSettings)
    """How --backbone becomes a latent reasoner."""
    lora: LoRASettings = NO_LORA
    """How much of a pretrained model learns; rank 0 trains all of it."""
    settings: SFTSettings = LATENT
    resume: bool = False
    """Go on with the run in --out."""
    config: Config = None

    def run(self) -> int:
        if self.init and self.backbone:
            raise ValueError(f"--init {self.init} and --backbone {self.backbone}: a run starts from one of them")
        limit = self.model.max_latents
        if self.init:
            planner = Planner.from_pretrained(self.init)
        elif self.backbone:
            planner, limit = Planner.from_backbone(self.backbone, self.pretrained), self.pretrained.max_latents
        elif self.kind == "stories":
            planner = Planner.stories(self.model, self.stories, self.settings.seed)
        else:
            planner = Planner.toy(self.model, self.settings.seed)
        method, last_stage = METHODS[self.settings.method], self.settings.curriculum.last_stage
        if not (self.backbone and method.name == "atp"):  # a fresh latent reasoner is ATP-Latent already
            planner = method.start(planner, last_stage, limit, self.settings.seed)
        if self.lora.rank:
            add_lora(planner.model, self.lora, self.settings.seed)
        with _saved_on_interrupt(self.out):
            train_sft(
                planner,
                self.load(self.train, "train"),
                self.load(self.validation, "validation"),
                self.settings,
                self.out,
                self.resume,
            )
        best = self.out / "best"
        Accelerator().print(f"best on validation: {best}; look closer with: atp-lite eval {best}")
        return 0


@dataclass(frozen=True)
class RL(Sources):
    """Reinforcement learning from a latent checkpoint: GRPO, or a control (--settings.objective)."""

    out: Path = Path("runs/rl")
    """Folder of the run: metrics.jsonl, tensorboard, state (to resume), best and last checkpoints."""
    init: Path = CHECKPOINTS / "atp-sft"
    """Latent checkpoint to start from."""
    questions: Path | None = None
    """JSONL of questions with answers (chains are not read); none makes problems."""
    validation: Path | None = None
    """JSONL of validation problems; none makes problems."""
    lora: LoRASettings = NO_LORA
    """How much of a pretrained model learns; rank 0 trains all of it."""
    settings: RLSettings = GRPO
    resume: bool = False
    """Go on with the run in --out."""
    config: Config = None

    def run(self) -> int:
        planner = Planner.from_pretrained(self.init)
        if self.lora.rank:
            add_lora(planner.model, self.lora, self.settings.seed)
        with _saved_on_interrupt(self.out):
            train_rl(
                planner,
                self.load(self.questions, "rl"),
                self.load(self.validation, "validation"),
                self.settings,
                self.out,
                self.resume,
            )
        best = self.out / "best"
        Accelerator().print(f"best on validation: {best}; look closer with: atp-lite eval {best}")
        return 0


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


@dataclass(frozen=True)
class Tour:
    """From nothing to a trained planner: data, chain of thought, latents, RL, evaluation and a report to open."""

    out: Path = Path("runs/tour")
    """Folder of the tour; report.html in it is the page to open."""
    seed: int = 0
    """Seed of everything."""

    def run(self) -> int:
        from atp_lite.tour import tour

        tour(self.out, self.seed)
        return 0


@dataclass(frozen=True)
class Checkpoints:
    """Train the bundled checkpoints and the run of the RL microscope anew (about an hour on one thread)."""

    out: Path = CHECKPOINTS
    """Folder to write checkpoints to, each with its card."""
    runs: Path = Path("runs/evidence")
    """Folder of the training runs; what is finished there is not trained again."""
    only: tuple[str, ...] = ()
    """Only these, by name; `journey` is the run of the microscope. None makes all."""

    def run(self) -> int:
        from atp_lite.bundle import make_checkpoints, make_journey

        checkpoints = [name for name in self.only if name != "journey"]
        if checkpoints or not self.only:
            make_checkpoints(self.out, self.runs, only=checkpoints)
        if "journey" in self.only or not self.only:
            make_journey(JOURNEY if self.out == CHECKPOINTS else self.out / JOURNEY.name, self.runs)
        return 0


@dataclass(frozen=True)
class Compare:
    """Run a grid of methods, regimes and seeds from one YAML file; a line of evidence a run, a table at the end."""

    config: Annotated[Path, tyro.conf.arg(help="the grid; see configs/compare-toy.yaml")] = Path(
        "configs/compare-smoke.yaml"
    )
    workers: int = 2
    """Processes of one thread each that share the work."""
    only: tuple[str, ...] = ()
    """Run only these cells; none runs all."""
    table: bool = False
    """Run nothing: print the tables of the lines there are."""

    def run(self) -> int:
        from atp_lite.compare import Grid, main_table, read_rows, run_grid

        grid = read_config(self.config, Grid())
        if not self.table:
            run_grid(grid, self.workers, only=self.only)
        rows = read_rows(grid.rows)
        for regime in grid.regimes:
            print(f"\n{regime} labels\n\n{main_table(rows, regime, list(grid.cells))}")
        print(f"\nMeans over training seeds ± 95 % t-intervals; one line a run in {grid.rows}.")
        return 0


@dataclass(frozen=True)
class Doctor:
    """Check Python, packages, versions, widgets, disk and device: a line each, with what to do."""

    def run(self) -> int:
        from atp_lite import doctor

        return doctor.main()


COMMANDS = {
    "tour": Tour,
    "data": Data,
    "sft": SFT,
    "rl": RL,
    "eval": Eval,
    "solve": Solve,
    "explore": Explore,
    "export-explorer": ExportExplorer,
    "compare": Compare,
    "checkpoints": Checkpoints,
    "doctor": Doctor,
}


def run(arguments: list[str]) -> int:
    """Parse the arguments of one command and run it; the exit status."""
    transformers.logging.set_verbosity_error()
    transformers.logging.disable_progress_bar()
    commands = dict(COMMANDS)
    name = arguments[0] if arguments else ""
    if "--config" in arguments and name in commands and name != "compare":  # its values become the defaults
        place = arguments.index("--config") + 1
        if place == len(arguments):
            raise ValueError("--config needs a YAML file behind it")
        default = read_config(arguments[place], commands[name](), name, tuple(commands))
        command = tyro.cli(commands[name], args=arguments[1:], default=default, prog=f"atp-lite {name}")
    else:
        command = tyro.extras.subcommand_cli_from_dict(
            commands, args=arguments, prog="atp-lite", description="Learn, see and extend latent reasoning."
        )
    return command.run()


@contextmanager
def _saved_on_interrupt(out: Path):
    try:
        yield
    except KeyboardInterrupt as stop:
        raise KeyboardInterrupt(f"Saved in {out / 'state'}: go on with the same command and --resume") from stop
