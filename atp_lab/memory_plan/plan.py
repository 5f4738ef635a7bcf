"""`atp-lite plan`: what a settings file will take, before it is run."""

from __future__ import annotations

import os
from dataclasses import dataclass, field, fields, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import torch

from atp_lab.memory_plan import (
    Corpus,
    Lengths,
    Memory,
    Practice,
    Shape,
    Share,
    Sizes,
    corpus_of,
    longest_practice,
    made_corpus,
    rl_update,
    rollout,
    saving,
    sft_shapes,
    sft_step,
    sizes_of,
    stated_corpus,
    unsharded_bytes,
    validation,
)
from atp_lab.memory_plan.hours import rl_operations, sft_operations
from atp_lite.cli.commands import COMMANDS
from atp_lite.cli.settings import check_names, read_config, section
from atp_lite.cli.training import RL, SFT
from atp_lite.domains import default_counts
from atp_lite.engine.lora import add_lora
from atp_lite.engine.pretrained import empty_reasoner, latent_tokenizer, load_config
from atp_lite.methods import METHODS
from atp_lite.model import LatentReasoner, ReasonerConfig
from atp_lite.model.parts import new_step_encoder
from atp_lite.planner import Planner
from atp_lite.resources import find
from atp_lite.rl import OBJECTIVES
from atp_lite.tokens import Collator

SECTIONS = ("sft", "rl")


@dataclass(frozen=True)
class Plan:
    """What a settings file takes: parameters, memory by kind, tokens per epoch. Nothing is trained or downloaded but
    the architecture; docs/memory.md has the formulas and how well they hold."""

    positional = "config"
    default_config = "configs/toy.yaml"

    devices: int = 1
    """Processes that share every batch, a device each; the figures are those of one device."""
    fsdp: bool = False
    """Divide weights, gradients and moments by the number of devices, too; a line says what is gathered."""
    rate: float = 0.0
    """Operations a second that a device reaches in this training, such as `operations` / `seconds` of
    `python -m benchmarks.gpu`; 0 leaves hours out."""
    limits: bool = False
    """RL: trajectories as long as the model allows, instead of as long as the longest label."""
    architecture: Path | None = None
    """File like the config.json of the backbone, where the hub is not asked; see configs/architectures/."""
    lengths: Lengths = field(default_factory=Lengths)
    """Lengths of the problems, where data and tokenizer are not asked."""
    parts: tuple[str, ...] = SECTIONS
    """Which of sft and rl; the file's sections decide where it is divided."""
    sft: SFT = field(default_factory=SFT)
    """Overrides, such as --sft.settings.batch-size 8; --rl.* for rl."""
    rl: RL = field(default_factory=RL)

    file: str = ""
    """The settings file, by its name in the output."""

    @classmethod
    def of(cls, path: str | os.PathLike[str]) -> Plan:
        """The plan that a settings file describes."""
        return read_config(path, cls, "plan")

    @classmethod
    def of_sections(cls, values: dict[str, Any], path: Path) -> dict[str, Any]:
        """The file's sections sft and rl as they are for these commands, and what its section `plan` says."""
        divided = any(name in COMMANDS for name in values)
        parts = [name for name in SECTIONS if name in values] if divided else [_command_of(values, path)]
        if not parts:
            raise ValueError(f"{path} has neither sft nor rl in it, so there is nothing to plan")
        own = {name: section(values, name, str(path)) for name in parts}
        plan = (values.get("plan") or {}) if divided else {}
        return {"parts": parts} | plan | {"file": str(path)} | own

    # ------------------------------------------------------------ what is planned

    @property
    def share(self) -> Share:
        return Share(self.devices, self.fsdp)

    def command(self, part: str) -> SFT | RL:
        return self.sft if part == "sft" else self.rl

    @property
    def parallel(self) -> bool:
        """Whether SFT knows all latents before it reads: the method has a step encoder."""
        return METHODS[self.sft.settings.method].step_encoder

    @property
    def sources(self) -> SFT | RL:
        return self.command("sft" if "sft" in self.parts else "rl")

    @cached_property
    def collate(self) -> Collator:
        """Of the tokenizer that the run will have."""
        if "sft" not in self.parts or self.sft.init:
            return Planner.from_pretrained(self.sources.init).collate
        if self.sft.backbone:
            tokenizer = latent_tokenizer(self.sft.backbone, self.sft.pretrained.gguf_file)
            return Collator(tokenizer, self.sft.pretrained.latents_per_step)
        return self._fresh().collate

    def _fresh(self) -> Planner:
        s = self.sft
        model = replace(s.model, latent_head=s.settings.latent_head or s.model.latent_head)
        return Planner.fresh(s.domain, model, problems=s.problem_settings)

    def model(self, part: str) -> LatentReasoner:
        """The model of `sft` or `rl`, on the device `meta`, with LoRA put in and what is frozen frozen.

        RL begins from a checkpoint; where that is not there yet, from the model of `sft`.
        """
        command = self.command(part)
        there = part == "rl" and (find(self.rl.init) / "config.json").is_file()
        with torch.device("meta"):
            if there or (part == "sft" and self.sft.init) or "sft" not in self.parts:
                folder = find(command.init)
                if not (folder / "config.json").is_file():
                    raise FileNotFoundError(
                        f"{folder} is no checkpoint (config.json is missing): name one with --{part}.init"
                    )
                model = LatentReasoner(ReasonerConfig.from_pretrained(folder))
            elif self.sft.backbone:
                pretrained = self.sft.pretrained
                head = self.sft.settings.latent_head or pretrained.latent_head
                model = empty_reasoner(self._architecture(), replace(pretrained, latent_head=head))
            else:
                model = self._fresh().model
            if "sft" in self.parts and self.parallel and model.step_encoder is None:
                model.config.step_encoder = {}
                model.step_encoder = new_step_encoder(model.config, model.config.hidden_size)
            if command.lora.rank:
                add_lora(model, command.lora)
        if part == "rl" and model.step_encoder is not None:
            model.step_encoder.requires_grad_(False)
        if part == "rl" and model.decoder is not None and not OBJECTIVES[self.rl.settings.objective].trains_decoder:
            model.decoder.requires_grad_(False)
        return model

    def _architecture(self):
        if self.architecture is not None:
            return load_config(self.architecture)
        try:
            return load_config(self.sft.backbone, self.sft.pretrained.gguf_file)
        except OSError as error:
            raise OSError(f"{error}; or name a file like its config.json with --architecture") from error

    def sizes(self, part: str) -> Sizes:
        lora = self.command(part).lora
        checkpointed = part == "sft" and self.sft.settings.checkpoint_mlps
        return sizes_of(self.model(part), lora.rank, lora.rank if lora.decoder else 0, checkpointed)

    @cached_property
    def corpus(self) -> Corpus:
        """The training problems: stated, read from a file or a benchmark, or a sample of those that are made."""
        if self.lengths.problems:
            return stated_corpus(self.lengths)
        path = self.sft.train if "sft" in self.parts else self.rl.questions
        source = self.sources
        if path is None and source.entry.makes_problems:
            return made_corpus(source.problem_settings, self.collate)
        return corpus_of(self.collate.encode(source.load(path, "train")))

    # ------------------------------------------------------------ its memory

    def shape(self, m: Sizes) -> Shape:
        """The batch of SFT, on one device, that takes most."""
        rows = -(-self.sft.settings.batch_size // self.devices)
        settings = self.sft.settings
        shapes, parts = sft_shapes(self.corpus, settings.curriculum, m.c, rows, settings.bucket), settings.accumulate
        return max(shapes, key=lambda shape: sft_step(m, shape, self.share, parts, self.parallel).total)

    def practice(self, part: str = "rl") -> Practice:
        """An iteration of RL on one device; of `sft` what validation meets."""
        settings, config = self.rl.settings, self.model(part).config
        return longest_practice(self.corpus.lengths, config, settings, self.devices, self.limits)

    def questions(self) -> int:
        """How many questions RL has: made ones are a split of their own."""
        if self.lengths.problems or not self.rl.entry.makes_problems:
            return self.corpus.problems
        if self.rl.questions is not None:
            return len(self.rl.load(self.rl.questions, "rl"))
        return sum(default_counts("rl", self.rl.problem_settings).values())

    def moments(self, part: str) -> dict[str, Memory]:
        """The fullest moment of each phase of a command."""
        m, share, copies = self.sizes(part), self.share, part == "rl"
        settings, p = self.command(part).settings, self.practice(part)
        if copies:
            phases = {"rollout": rollout(m, p, share), "update": rl_update(m, p, share)}
        else:
            phases = {"step": sft_step(m, self.shape(m), share, settings.accumulate, self.parallel)}
        return phases | {
            "validation": validation(m, settings.eval_batch, p, share, copies),
            "saving": saving(m, share, copies),
        }

    def run(self) -> int:
        unknown = [part for part in self.parts if part not in SECTIONS]
        if unknown:
            raise ValueError(f"parts {unknown}: choose from {', '.join(SECTIONS)}")
        if self.devices < 1:
            raise ValueError(f"devices is {self.devices}: give 1 or more")
        print("\n".join(self.lines()))
        return 0

    def lines(self) -> list[str]:
        """Everything that is printed."""
        which = f": one of {self.devices} devices{', FSDP' * self.fsdp}" if self.devices > 1 else ""
        text = [f"{self.file}{which}"]
        n, found = self.corpus.lengths, self.corpus
        text.append(
            f"{found.problems:,} training problems; longest: question {n.question} tokens, {n.steps} steps of "
            f"{n.step}, answer {n.answer}; mean: question {n.mean_question:.1f}, {n.mean_steps:.1f} steps"
        )
        for part in self.parts:
            text += ["", *self._part(part)]
        return text

    def _part(self, part: str) -> list[str]:
        m, settings = self.sizes(part), self.command(part).settings
        counts = m.counts
        text = [
            f"{part}: {millions(counts['backbone'])} parameters in the backbone, {millions(counts['heads'])} in the "
            f"heads, {millions(counts['decoder'])} in the decoder; {millions(counts['learned'])} learn"
        ]
        if part == "sft":
            shape, stages = self.shape(m), settings.curriculum
            tokens = [self.corpus.tokens(stage, m.c) for stage in (stages.first_stage, stages.last_stage)]
            text.append(
                f"  an epoch: about {self.corpus.batches(settings.batch_size, settings.bucket):,} batches of "
                f"{settings.batch_size}, "
                f"{tokens[0]:,} tokens at stage {stages.first_stage}, {tokens[1]:,} at stage {stages.last_stage}; "
                f"{stages.total_steps:,} steps in all"
            )
            text.append(
                f"  fullest batch: {shape.rows} rows"
                f"{f' in {settings.accumulate} micro-batches' * (settings.accumulate > 1)}, question {shape.question}, "
                f"{shape.latents} latents, language {shape.language}, {shape.steps} decoded "
                f"steps of {shape.width}"
            )
        else:
            p, mean, n = self.practice(), self.corpus.lengths, self.questions()
            per_question = mean.mean_question + p.group * ((m.c * mean.mean_steps or p.latents) + mean.mean_answer + 1)
            text.append(
                f"  an epoch: {-(-n // settings.questions):,} iterations of {settings.questions} "
                f"questions x {p.group}, about {round(n * per_question):,} tokens"
            )
            text.append(
                f"  trajectories: {p.questions * p.group}, question {p.question}, {p.latents} latents,"
                f" answer {p.answer}"
            )
        if self.rate:
            text.append(f"  {self._hours(part, m)}")
        text += table(self.moments(part))
        if self.fsdp and self.devices > 1:
            sizes = unsharded_bytes(self.model(part), part == "rl")
            beside = {phase: f"{size / 1e9:,.2f} GB" for phase, size in sizes.items()}
            text.append(
                f"  beside that, FSDP gathers {beside['learning']} while it learns, {beside['thinking']} in "
                f"{'validation' if part == 'sft' else 'rollouts and validation'}; of layers half in bfloat16"
            )
        return text

    def _hours(self, part: str, m: Sizes) -> str:
        if part == "sft":
            operations = sft_operations(m, self.corpus, self.sft.settings, self.parallel)
        else:
            operations = rl_operations(m, self.practice(), self.corpus, self.rl.settings)
        hours = operations / self.rate / self.devices / 3600
        return f"{operations:.1e} operations: {hours:,.1f} hours at {self.rate:.1e} a second on each device"


def _command_of(values: dict[str, Any], path: Path) -> str:
    """The command that a file without sections is for: sft if all its names are settings of that, otherwise rl."""
    refused = []
    for name, kind in (("sft", SFT), ("rl", RL)):
        try:
            check_names(kind, values, str(path))
            return name
        except ValueError as error:
            refused.append(error)
    raise refused[0]


def millions(count: int) -> str:
    return f"{count / 1e6:,.2f} M"


def table(moments: dict[str, Memory]) -> list[str]:
    """A column for each phase, a line for each kind, in MB or GB."""
    name, unit = ("GB", 1e9) if max(moment.total for moment in moments.values()) >= 1e9 else ("MB", 1e6)
    kinds = [field.name for field in fields(Memory)]
    rows = [(kind, [getattr(moment, kind) for moment in moments.values()]) for kind in kinds]
    rows.append(("in all", [moment.total for moment in moments.values()]))
    names = {"cache": "KV cache"}
    head = "  " + name.ljust(12) + "".join(phase.rjust(12) for phase in moments)
    body = ["  " + names.get(kind, kind).ljust(12) + "".join(f"{v / unit:,.2f}".rjust(12) for v in values)
            for kind, values in rows]  # fmt: skip
    peak = max(moments, key=lambda name: moments[name].total)
    return [head, *body, f"  peak: {moments[peak].total / unit:,.2f} {name}, in {peak}"]
