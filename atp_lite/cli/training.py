"""Making problems and training: `tour`, `data`, `augment`, `sft`, `rl`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from accelerate import Accelerator
from accelerate.utils.memory import should_reduce_batch_size

from atp_lite.domains import (
    SPLITS,
    Problem,
    chain_fault,
    data_hash,
    measured,
    overlap,
    read_jsonl,
    without_overlap,
    write_jsonl,
)
from atp_lite.domains.sources import Sources
from atp_lite.domains.word_problems.renumbering import renumbered
from atp_lite.domains.word_problems.splits import kept_for_validation
from atp_lite.engine.lora import LoRASettings, add_lora
from atp_lite.engine.pretrained import BackboneSettings
from atp_lite.engine.settings import require_between
from atp_lite.limits import check_problems
from atp_lite.methods import METHODS
from atp_lite.model import ReasonerConfig
from atp_lite.planner import ModelSettings, Planner
from atp_lite.recipes import CHECKPOINTS, GRPO, LATENT
from atp_lite.rl import OBJECTIVES, RLSettings, train_rl
from atp_lite.sft import SFTSettings, train_sft

NO_LORA = LoRASettings(rank=0)


@dataclass(frozen=True)
class Tour:
    """From nothing to a trained planner: data, chain of thought, latents, RL, evaluation and a report to open."""

    out: Path = Path("runs/tour")
    """Folder of the tour; live.html and report.html in it are the pages to open. A tour that was cut off goes on."""
    seed: int = 0
    """Seed of everything."""
    domain: str = "arithmetic"
    """What the planner learns to think about: arithmetic or routes."""
    restart: bool = False
    """Train everything anew, whatever the folder holds."""

    def __post_init__(self) -> None:
        require_between(self, "[0, inf)", "seed")

    def run(self) -> int:
        from atp_lite.tour import tour

        try:
            tour(self.out, self.seed, self.domain, self.restart)
        except KeyboardInterrupt as stop:
            raise KeyboardInterrupt("The same command goes on where it was cut off") from stop
        return 0


@dataclass(frozen=True)
class Data(Sources):
    """Write the problems of a domain: one JSONL file a split, with id, question, steps, answer, source."""

    out: Path | None = None
    """Folder to write to; none takes one in data/, such as data/toy, data/stories or data/benchmark."""
    splits: tuple[str, ...] = ("train", "rl", "validation", "test")
    """Which splits; their questions are disjoint. Of word-problems, `rl` is `train` and is not written twice."""
    limit: int | None = None
    """At most this many problems a split."""

    def __post_init__(self) -> None:
        require_between(self, "[0, inf)", "limit")

    def run(self) -> int:
        out = self.out if self.out is not None else Path("data") / (self.entry.label or self.domain)
        written: dict[str, list[Problem]] = {}
        for split in self.splits:
            if split not in SPLITS:
                raise ValueError(f"split {split!r}: choose from {', '.join(SPLITS)}")
            if split not in self.entry.splits:
                continue
            made = written[split] = self.load(None, split)[: self.limit]
            path = out / f"{split}.jsonl"
            write_jsonl(path, made)
            facts = [f"{len(made)} problems", self.entry.describe_labels(made), f"hash {data_hash(made)}"]
            print(f"{path}: {', '.join(filter(None, facts))}")
        shared = overlap(written, self.entry.question_key)
        if not self.entry.disjoint:  # a test set is taken as it is
            repeats = {a: len(shared.pop((a, b))) for a, b in list(shared) if a == b}
            print("".join(f"{n} questions of {split} are repeats\n" for split, n in repeats.items()), end="")
        if shared:
            raise ValueError(f"questions stand in more than one split or twice in one: {', '.join(map(str, shared))}")
        return 0


@dataclass(frozen=True)
class Augment:
    """Word problems with other numbers: from GSM8K's training split, or any file of its kind, to many more with right
    chains. Questions that are kept for validation (docs/data.md) and those held out are left out, and so are problems
    whose numbers cannot be traced."""

    positional = "file"

    file: Path
    """Word problems with chains, in any shape that files have: GSM8K's own JSON lines, for one."""
    out: Path = Path("data/augmented.jsonl")
    """JSONL to write: the problems with whole chains, then the new ones."""
    variants: int = 50
    """At most so many new problems for each."""
    held_out: tuple[Path, ...] = ()
    """Files of problems that must not be trained on, under other numbers either."""
    seed: int = 0
    """Of the numbers that are drawn."""

    def __post_init__(self) -> None:
        require_between(self, "[0, inf)", "variants", "seed")

    def run(self) -> int:
        problems = read_jsonl(self.file)
        held_out = [problem for problem in problems if kept_for_validation(problem)]
        held_out += [problem for path in self.held_out for problem in read_jsonl(path)]
        open_ones = without_overlap(problems, held_out)
        whole = [problem for problem in open_ones if chain_fault(problem) is None]
        faults: Counter[str] = Counter()
        made = without_overlap([*whole, *renumbered(open_ones, self.variants, self.seed, faults)], held_out)
        write_jsonl(self.out, made)
        print(f"{self.out}: {len(made)} problems from {len(problems)}, {len(problems) - len(open_ones)} held out")
        print("".join(f"not varied: {n} with {reason}\n" for reason, n in faults.most_common()), end="")
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
    """Go on with the run in --out, or begin one where nothing was saved yet."""
    restart: bool = False
    """Begin anew in --out, dropping the run there."""
    verify: bool = True
    """Check the files of --init against its manifest; --no-verify reads one that came without, or was changed."""

    def run(self) -> int:
        if self.init and self.backbone:
            raise ValueError(f"--init {self.init} and --backbone {self.backbone}: a run starts from one of them")
        limit = self.model.max_latents
        if self.init:
            planner = Planner.from_pretrained(self.init, verify=self.verify)
            limit = max(limit, planner.model.config.max_latents)  # a checkpoint keeps what it has learned to think
        elif self.backbone:
            planner = Planner.from_backbone(self.backbone, self.pretrained, self.domain)
            limit = self.pretrained.max_latents
        elif measured(self.entry.vocabulary, self.problem_settings) is None:
            raise ValueError(
                f"{self.domain} has no closed vocabulary, so there is no model from random weights: give --backbone "
                "NAME or --init CHECKPOINT"
            )
        else:
            planner = Planner.fresh(self.domain, self.model, self.settings.seed, problems=self.problem_settings)
        for name, chosen in (("latent_head", self.model.latent_head), ("decoder_type", self.model.decoder)):
            own = getattr(planner.model.config, name)
            if chosen not in (getattr(ReasonerConfig, name), own):
                raise ValueError(
                    f"--model asks for the {name} {chosen!r}, and {self.init or self.backbone} has {own!r}: --model is "
                    "for models from random weights, so leave it out (with --backbone give --pretrained instead), or "
                    "start without --init and --backbone"
                )
        method, last_stage = METHODS[self.settings.method], self.settings.curriculum.last_stage
        if not (self.backbone and method.name == "atp"):  # a fresh latent reasoner is ATP-Latent already
            planner = method.start(planner, last_stage, limit, self.settings.seed, self.settings.latent_head)
        return _run(self, planner, train_sft, self.train, "train")


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
    rehearse: Path | None = None
    """JSONL of problems with chains, read where --settings.rehearsal is above 0; none makes training problems."""
    lora: LoRASettings = NO_LORA
    """How much of a pretrained model learns; rank 0 trains all of it."""
    settings: RLSettings = GRPO
    resume: bool = False
    """Go on with the run in --out, or begin one where nothing was saved yet."""
    restart: bool = False
    """Begin anew in --out, dropping the run there."""
    verify: bool = True
    """Check the files of --init against its manifest; --no-verify reads one that came without, or was changed."""

    def run(self) -> int:
        planner = Planner.from_pretrained(self.init, verify=self.verify)
        return _run(self, planner, train_rl, self.questions, "rl")


def _run(command: SFT | RL, planner: Planner, train: Callable[..., Any], problems: Path | None, split: str) -> int:
    if command.resume and command.restart:
        raise ValueError("--resume goes on with the run in --out and --restart drops it: give one of them")
    if command.lora.rank:
        add_lora(planner.model, command.lora, command.settings.seed)
    with _explained(command.out, command.resume):
        data, more = command.training_data(problems, split, command.validation), {}
        stage = command.settings.first_stage if isinstance(command, SFT) else None
        reads_answers = isinstance(command, RL) and (
            command.settings.answer_ce > 0 or OBJECTIVES[command.settings.objective].reads_answers
        )
        check_problems(planner, data[0], str(problems or split), stage, answers=reads_answers)
        check_problems(planner, data[1], str(command.validation or "validation"))
        if isinstance(command, RL) and command.settings.rehearsal:
            more["rehearse"], _ = command.training_data(command.rehearse, "train", command.validation)
            check_problems(planner, more["rehearse"], str(command.rehearse or "train"), stage=0)
        train(planner, *data, command.settings, command.out, command.resume, restart=command.restart, **more)
    best = command.out / "best"
    Accelerator().print(f"best on validation: {best}; look closer with: atp-lite eval {best}")
    return 0


@contextmanager
def _explained(out: Path, resume: bool) -> Iterator[None]:
    """An interrupt says what is kept: the state, or nothing where training had not begun. Too little memory says what
    needs less."""

    def written() -> int:
        progress = out / "state" / "progress.json"
        return progress.stat().st_mtime_ns if progress.is_file() else 0

    before = written()
    try:
        yield
    except KeyboardInterrupt as stop:
        saved = f"Saved in {out / 'state'}: go on with the same command and --resume"
        none = "Training had not begun, so nothing was saved: the same command starts again"
        raise KeyboardInterrupt(saved if written() > before or (resume and before) else none) from stop
    except RuntimeError as error:
        if not should_reduce_batch_size(error):
            raise
        first = (str(error).splitlines() or [type(error).__name__])[0][:200]
        raise ValueError(
            f"memory ran out ({first}): give a larger --settings.accumulate, a smaller --settings.eval-batch, in sft "
            "--settings.checkpoint-mlps, in rl a smaller --settings.rollout-batch, or --lora.rank 16; atp-lite plan "
            "CONFIG says what takes how much"
        ) from error
