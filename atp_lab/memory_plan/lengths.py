"""How long problems are, in tokens: what decides the size of every tensor that is not a weight."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from atp_lab.memory_plan.formulas import Practice, Shape
from atp_lite.domains import Problem, default_counts, generate
from atp_lite.model import ReasonerConfig
from atp_lite.rl import RLSettings
from atp_lite.sft import Curriculum
from atp_lite.tokens import Collator, Encoded

SAMPLE = 4000
"""Made problems are measured on so many of them."""


@dataclass(frozen=True)
class Lengths:
    """Lengths of training problems in tokens, stated where the data or its tokenizer is not at hand."""

    problems: int = 0
    """Training problems; 0 measures the data itself and leaves the other numbers unread."""
    question: int = 0
    """The longest question, with `<|start-latent|>` and what opens a text."""
    steps: int = 0
    """The most steps of a chain."""
    step: int = 0
    """The longest step."""
    chain: int = 0
    """The longest chain in words, a token behind each step included."""
    answer: int = 0
    """The longest answer."""
    mean_question: float = 0.0
    mean_steps: float = 0.0
    mean_chain: float = 0.0
    mean_answer: float = 0.0

    def __post_init__(self) -> None:
        chained = (self.steps > 0) == (self.step > 0)  # questions with answers alone, as RL takes them, have no steps
        if self.problems and not (self.question > 0 and self.answer > 0 and chained):
            raise ValueError(
                f"lengths of {self.problems} problems: state question, steps, step and answer too, in tokens, or none "
                "of them to measure the data"
            )


@dataclass(frozen=True)
class Corpus:
    """Training problems, or as many of them as show how long they are."""

    rows: Sequence[Encoded]
    problems: int
    """How many there are; `rows` may be fewer."""
    lengths: Lengths
    chains: dict[tuple[int, int], int]
    """(question tokens, steps) -> how many of `rows`."""

    def batches(self, size: int, bucket: int = 0) -> int:
        """Batches of an epoch; with bucket 0 every question length and number of steps fills its own (`BatchPlan`)."""
        scale = self.problems / len(self.rows)
        if bucket or len(self.rows) == 1:  # one row: lengths were stated, and nothing is known about groups
            return -(-self.problems // size)
        return sum(-(-round(count * scale) // size) for count in self.chains.values())

    def tokens(self, stage: int, c: int) -> int:
        """Positions that the backbone reads in an epoch at a stage: question, latents, language."""
        mean = self.lengths
        left = max(0.0, 1 - stage / mean.mean_steps) if mean.mean_steps else 0.0  # share of the chain still in words
        if len(self.rows) > 1:
            words = sum(len(step) + 1 for row in self.rows for step in row.steps[stage:])
            latents = sum(min(stage, len(row.steps)) * c for row in self.rows)
            fixed = sum(len(row.question) + len(row.answer) + 2 for row in self.rows)
            return round((words + latents + fixed) * self.problems / len(self.rows))
        latents = min(stage, mean.mean_steps) * c
        return round(self.problems * (mean.mean_question + mean.mean_answer + 2 + latents + left * mean.mean_chain))


def corpus_of(rows: Sequence[Encoded], problems: int | None = None) -> Corpus:
    """Of encoded problems; `problems` says how many there really are."""
    if not rows:
        raise ValueError("no training problems to measure: the file or split is empty")
    n = len(rows)
    chain = [sum(len(step) + 1 for step in row.steps) for row in rows]
    lengths = Lengths(
        problems=n if problems is None else problems,
        question=max(len(row.question) for row in rows),
        steps=max(len(row.steps) for row in rows),
        step=max((len(step) for row in rows for step in row.steps), default=0),
        chain=max(chain),
        answer=max(len(row.answer) for row in rows),
        mean_question=sum(len(row.question) for row in rows) / n,
        mean_steps=sum(len(row.steps) for row in rows) / n,
        mean_chain=sum(chain) / n,
        mean_answer=sum(len(row.answer) for row in rows) / n,
    )
    buckets = Counter((len(row.question), len(row.steps)) for row in rows)
    return Corpus(rows, lengths.problems, lengths, dict(buckets))


def stated_corpus(lengths: Lengths) -> Corpus:
    """One problem that is the longest in everything, as `lengths` says; its chain is cut into equal steps."""
    each = lengths.chain // max(1, lengths.steps) - 1
    step = lengths.step if not lengths.chain else min(lengths.step, max(1, each))
    steps = ((0,) * lengths.step, *((0,) * step,) * (lengths.steps - 1))[: lengths.steps]
    row = Encoded(Problem("", (), ""), (0,) * lengths.question, steps, (0,) * lengths.answer)
    return Corpus([row], lengths.problems, lengths, {(lengths.question, lengths.steps): 1})


def made_corpus(settings: object, collate: Collator) -> Corpus:
    """Of problems that a domain makes: `SAMPLE` of the training problems, as many of each number of steps as in all."""
    counts = default_counts("train", settings)
    total = sum(counts.values())
    some = {n: min(count, -(-count * SAMPLE // total)) for n, count in counts.items()}
    return corpus_of(collate.encode(generate(settings, "train", some)), total)


def sft_shapes(corpus: Corpus, curriculum: Curriculum, c: int, rows: int, bucket: int = 0) -> list[Shape]:
    """The batches of `rows` problems that SFT can meet at every stage.

    With bucket 0 those of every question length and number of steps, the longest of each; otherwise the longest `rows`
    problems of all, padded to the longest of them in every part.
    """
    shapes, of_all = {}, corpus.rows
    if bucket:
        length = lambda row: len(row.question) + sum(map(len, row.steps)) + len(row.answer)  # noqa: E731
        of_all = sorted(corpus.rows, key=length)[-rows:]
        most = max(len(row.question) for row in of_all), max(len(row.steps) for row in of_all)
    for stage in range(curriculum.first_stage, curriculum.last_stage + 1):
        if not curriculum.stage_steps[stage - curriculum.first_stage]:
            continue
        for row in of_all:
            key = stage, *(most if bucket else (len(row.question), len(row.steps)))
            language = sum(len(step) + 1 for step in row.steps[stage:]) + len(row.answer) + 2
            width = max((len(step) + 1 for step in row.steps[:stage]), default=0)
            old_language, old_width = shapes.get(key, (0, 0))
            shapes[key] = max(language, old_language), max(width, old_width)
    return [
        Shape(rows, question, min(stage, steps) * c, language, min(stage, steps), width, bucket > 0)
        for (stage, question, steps), (language, width) in shapes.items()
    ]


def longest_practice(
    lengths: Lengths, config: ReasonerConfig, settings: RLSettings, devices: int = 1, limits: bool = False
) -> Practice:
    """An iteration of RL on one of the devices, its trajectories as long as the longest labels.

    A trained planner thinks and answers about as long as its labels were. Steps that do not fit into its latents are
    written before the answer, each of the longest chain's mean length. `limits` takes what the model may think and
    write at most; so do thoughts about questions whose chains are not known.
    """
    c, unknown = config.latents_per_step, limits or not lengths.steps
    latents = config.max_latents if unknown else min(config.max_latents, c * lengths.steps)
    words = -(-lengths.chain * max(0, lengths.steps - latents // c) // max(1, lengths.steps))
    answer = config.max_answer_tokens if limits else min(config.max_answer_tokens, words + lengths.answer + 1)
    width = config.max_step_tokens if unknown else min(config.max_step_tokens, lengths.step + 1)
    return Practice(
        questions=-(-settings.questions // devices),
        group=settings.group_size,
        question=lengths.question,
        latents=latents,
        answer=answer,
        width=width,
        rollout=settings.rollout_batch,
        updates=settings.mini_batches,
        accumulate=settings.accumulate,
        several=settings.mini_batches * settings.epochs > 1,
    )
