"""What is done with a checkpoint: `eval`, `causes`, `solve`, `explore`, `export-explorer`, `live`."""

from __future__ import annotations

import json
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Annotated, Literal, TypeVar

from accelerate import Accelerator

from atp_lite.domains import DOMAINS
from atp_lite.domains.sources import Sources
from atp_lite.engine.folder import write_atomically
from atp_lite.engine.settings import require_between, require_positive
from atp_lite.evaluation import EvalSettings, ProblemSet, benchmark_sets, causes, evaluate_benchmarks, read_set
from atp_lite.limits import check_problems
from atp_lite.planner import Planner
from atp_lite.recipes import CHECKPOINTS, DEFAULT_CHECKPOINT
from atp_lite.views import thought_table, thought_text
from atp_lite.views.measure import problem_record
from atp_lite.views.tables import unread_text


@dataclass(frozen=True)
class Eval(Sources):
    """Evaluate a checkpoint on one test set or several: accuracy with interval, tokens, decoded steps, pass@k.

    With --out every batch is kept as it is done, and the same command goes on where it was cut off.
    """

    positional = "checkpoint"

    checkpoint: Path = DEFAULT_CHECKPOINT
    """Folder of the checkpoint."""
    domain: Annotated[str, DOMAINS] = "checkpoint"
    """What test problems are about, where no file or benchmark is given. checkpoint: what the checkpoint is about."""
    benchmarks: tuple[str, ...] = ()
    """Test splits of gsm8k, gsm8k_aug, gsm_hard, svamp, multiarith: any of them, in one table with the paper's figures.
    From the hub, or from the folder --benchmark.mirror (its name and split are not looked at)."""
    tests: tuple[str, ...] = ()
    """Local test sets, NAME=FILE.jsonl each. The name of a benchmark brings its tolerance and the paper's figure."""
    test: Path | None = None
    """One local test set. Without it, and without --benchmarks and --tests, that of --domain."""
    settings: EvalSettings = field(default_factory=EvalSettings)
    out: Path | None = None
    """Folder for report.md, report.json and the outcomes of every set, a JSON line a problem; none keeps nothing."""
    restart: bool = False
    """Begin anew in --out, dropping the outcomes there."""
    verify: bool = True
    """Check the checkpoint's files against its manifest; --no-verify reads one that came without, or was changed."""

    def run(self) -> int:
        planner = Planner.from_pretrained(self.checkpoint, verify=self.verify)
        sets = about(self, planner).sets()
        for one in sets:
            check_problems(planner, one.problems, one.name)
        try:
            report = evaluate_benchmarks(
                planner,
                sets,
                self.settings,
                self.out,
                restart=self.restart,
                checkpoint=str(self.checkpoint),
                progress=True,
            )
        except KeyboardInterrupt as stop:
            kept = f"What is done is kept in {self.out}: the same command goes on there (without --restart)"
            lost = "Nothing was kept: with --out FOLDER the same command would go on"
            raise KeyboardInterrupt(kept if self.out else lost) from stop
        if Accelerator().is_main_process:
            print(report.to_markdown())
            if self.out:
                print(f"\nwritten to {self.out}")
        return 0

    def sets(self) -> list[ProblemSet]:
        """What is to be evaluated on."""
        named = [*benchmark_sets(self.benchmarks, self.benchmark), *map(read_set, self.tests)]
        if self.test:
            named.append(read_set(str(self.test)))
        return named or [ProblemSet(self.entry.test_name(self.problem_settings), self.load(None, "test"))]


@dataclass(frozen=True)
class Causes(Sources):
    """Are thoughts causes? Replace them, and count how often later steps and the answer follow from the new ones."""

    positional = "checkpoint"

    checkpoint: Path = DEFAULT_CHECKPOINT
    """Folder of the checkpoint."""
    beside: tuple[Path, ...] = ()
    """Checkpoints to compare it with, on the same problems."""
    domain: Annotated[str, DOMAINS] = "checkpoint"
    """What test problems are about, where no file is given. checkpoint: what the checkpoint is about."""
    test: Path | None = None
    """A local test set; without it, that of --domain."""
    limit: int = 500
    """The most test problems: the first ones."""
    seed: int = 0
    """Of typed steps, noise, and which question the same text is taken from."""
    out: Path | None = None
    """Folder for causes.md, causes.json and the figure causes.html; none keeps nothing."""
    verify: bool = True
    """Check the checkpoint's files against its manifest; --no-verify reads one that came without, or was changed."""

    def __post_init__(self) -> None:
        require_positive(self, "limit")
        require_between(self, "[0, inf)", "seed")

    def run(self) -> int:
        from atp_lite.views.causes import causes_figure
        from atp_lite.views.page import figure_html, write_page

        paths = {_called(path): path for path in (self.checkpoint, *self.beside)}
        planners = {name: Planner.from_pretrained(path, verify=self.verify) for name, path in paths.items()}
        sources = about(self, planners[_called(self.checkpoint)])
        problems = sources.load(self.test, "test")[: self.limit]
        found = {}
        for planner in planners.values():
            check_problems(planner, problems, str(self.test or "test"))
        for name, planner in planners.items():
            planner.model.to(Accelerator().device)
            found[name] = causes(planner, problems, self.seed, progress=True)
        text = "\n\n".join(f"## {name}\n\n{result.to_markdown()}" for name, result in found.items())
        print(text)
        if self.out:
            write_atomically(self.out / "causes.md", text + "\n")
            values = {name: result.to_json() for name, result in found.items()}
            write_atomically(self.out / "causes.json", json.dumps(values, indent=1))
            write_page(self.out / "causes.html", "Are thoughts causes?", figure_html(causes_figure(found), "causes"))
            print(f"\nwritten to {self.out}")
        return 0


S = TypeVar("S", bound=Sources)


def about(command: S, planner: Planner) -> S:
    """The command with the domain of the checkpoint, where it is to take that."""
    return replace(command, domain=planner.domain.name or "arithmetic") if command.domain == "checkpoint" else command


def _called(checkpoint: Path) -> str:
    """The folder's name; that of the run before it, where it is the run's best or last."""
    return "/".join(checkpoint.parts[-2:]) if checkpoint.name in ("best", "last") else checkpoint.name


@dataclass(frozen=True)
class Solve:
    """Let a planner solve one expression or story; see each latent's decoded step, the stops and the answer."""

    positional = "question"

    question: str
    """An expression such as "(3+4)*(9-2)": whole numbers, + - * and parentheses. Or a story, which ends with a question
    mark, in the words of `atp-lite data --domain stories`."""
    checkpoint: Path | None = None
    """Folder of the checkpoint; none takes the bundled planner for expressions, or that for stories."""
    verify: bool = True
    """Check the checkpoint's files against its manifest; --no-verify reads one that came without, or was changed."""

    def run(self) -> int:
        domain = DOMAINS.reading(self.question)
        if self.checkpoint is None and domain.bundled is None:
            raise ValueError(f"no bundled planner reads {self.question!r} ({domain.name}): give one with --checkpoint")
        planner = Planner.from_pretrained(self.checkpoint or CHECKPOINTS / str(domain.bundled), verify=self.verify)
        problem = planner.domain.read_question(self.question)
        check_problems(planner, [problem], "the question")
        trace = planner.reason([problem])
        if planner.model.decoder is None and planner.model.config.max_latents:  # a rival that has none
            counts = {"n_latents": int(trace.n_latents[0]), "n_answer_tokens": int(trace.n_answer_tokens[0])}
            print(unread_text(problem_record(trace, 0) | counts))
        else:
            print(thought_text(thought_table(planner, trace)))
        return 0


@dataclass(frozen=True)
class Explore:
    """Open the explorers in the browser, served to this computer only: move thoughts, read paths, rewrite steps."""

    checkpoint: Path = DEFAULT_CHECKPOINT
    """Folder of the checkpoint."""
    beside: Path | None = None
    """Checkpoint whose trajectories stand beside, such as what this one was trained from."""
    rl_run: Path | None = None
    """Folder of an RL run with kept checkpoints (rl --settings.keep-every); none shows a bundled run."""
    port: int = 8866
    """Port on 127.0.0.1."""
    browser: bool = True
    """Open a browser; --no-browser only serves."""
    verify: bool = True
    """Check the checkpoint's files against its manifest; --no-verify reads one that came without, or was changed."""

    def __post_init__(self) -> None:
        require_between(self, "[0, 65535]", "port")

    def run(self) -> int:
        from atp_lite.views.serve import serve

        return serve(self.checkpoint, self.port, self.browser, self.beside, self.rl_run, self.verify)


@dataclass(frozen=True)
class ExportExplorer:
    """Write an explorer as one HTML file that works offline: move a thought, watch the answer."""

    positional = "out"

    out: Path
    """The file to write, such as explorer.html."""
    explorer: Literal["debugger", "coherence", "trajectories", "space", "microscope", "race"] = "debugger"
    """Which one."""
    checkpoint: Path = DEFAULT_CHECKPOINT
    """Folder of the checkpoint."""
    beside: Path | None = None
    """Checkpoint whose trajectories stand beside; a bundled RL checkpoint has the one it was trained from."""
    rl_run: Path | None = None
    """Folder of an RL run with kept checkpoints, for the microscope; none takes a bundled run."""
    problems: int = 60
    """Test problems that axes are fitted on."""
    shown: int = 4
    """Of these, and one worked example, how many can be looked at."""
    verify: bool = True
    """Check the checkpoint's files against its manifest; --no-verify reads one that came without, or was changed."""

    def __post_init__(self) -> None:
        require_positive(self, "problems", "shown")

    def run(self) -> int:
        from atp_lite.views.bundled_examples import example_problems
        from atp_lite.views.export import export_bundled

        made = example_problems(Planner.from_pretrained(self.checkpoint, verify=self.verify))[: self.problems + 1]
        shown = self.shown, self.beside, self.rl_run, self.verify
        page = export_bundled(self.out, self.explorer, self.checkpoint, made, *shown)
        print(f"{page} ({page.stat().st_size / 1e6:.1f} MB): open it in a browser, no network needed")
        return 0


@dataclass(frozen=True)
class Live:
    """Write pages in which planners think by themselves: open them from disk, no network and no Python needed."""

    positional = "out"

    out: Path = Path("build/live")
    """A folder for a site, or one file that ends in .html."""
    checkpoint: tuple[Path, ...] = ()
    """Folders of toy checkpoints; none takes the bundled planners of arithmetic and routes."""
    verify: bool = True
    """Check their files against their manifests; --no-verify reads those that came without, or were changed."""

    def run(self) -> int:
        from atp_lite.views.live import write_site

        page = write_site(self.out, self.checkpoint, verify=self.verify)
        files = [page, *page.parent.glob("planners/*.js")] if page.name == "index.html" else [page]
        size = sum(file.stat().st_size for file in files)
        print(f"{page} ({size / 1e6:.1f} MB): open it in a browser, no network needed")
        return 0
