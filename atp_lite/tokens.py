"""Text <-> token ids: word-level tokenizers, the special tokens, and `Problem -> Batch` at a curriculum stage.

A batch is drawn like this (c = 1 latent per step, curriculum stage k = 2; `.` is padding)::

                   question            latents        language
                 (left-padded)       (n_latents)   (right-padded)
    problem A    .  .  3 + 4 <s>       L  .        <e> 7 <eos>  .  .  .  .  .  .
    problem B    ( 3 + 4 ) * 2 <s>     L  L        <e> 14 <eos> .  .  .  .  .  .
    problem C    ( 3 + 4 ) * 2 - 1 <s> L  L        <e> 14 - 1 = 13 ; 13 <eos>

`<s>` is `<|start-latent|>`, `<e>` is `<|end-latent|>`, `L` stands for a latent the model makes itself. Problem C has
three steps: at stage 2 the first two are latents and the third is still language. The questions are padded on
the left so that every row begins to think in the same column; position ids count real tokens only, so a padded
row gives the same numbers as an unpadded one.

This is the layout `steps` of ATP-Latent. Rivals lay out the same problems in other ways: see `LAYOUTS`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

import torch
from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers
from torch import Tensor
from transformers import PreTrainedTokenizerBase, PreTrainedTokenizerFast

from atp_lite.domains import DOMAINS, Problem

START_LATENT = "<|start-latent|>"
LATENT = "<|latent|>"
END_LATENT = "<|end-latent|>"
STEP_END = ";"
"""Ends every step that is written in words; what follows the last one is the answer."""


SPECIALS = ["<pad>", "<eos>", "<unk>", START_LATENT, LATENT, END_LATENT]


def domain_tokenizer(domain: str = "arithmetic", settings: Any = None) -> PreTrainedTokenizerFast:
    """The word-level tokenizer of a domain's vocabulary; every number in it is ONE token.

    The pad token is not the end token: padding is ignored by the loss, the end token must be learned.

    Args:
        domain: a name of `DOMAINS`.
        settings: of its problems; None takes the defaults.

    >>> tokenizer = domain_tokenizer()
    >>> tokenizer.tokenize("(3+4)*12")
    ['(', '3', '+', '4', ')', '*', '12']
    """
    entry = DOMAINS[domain]
    vocabulary = entry.vocabulary(entry.default_settings() if settings is None else settings)
    if vocabulary.spaces:
        return word_tokenizer(vocabulary.words)
    return _word_level([*vocabulary.words, STEP_END], Regex(r"\d+|\D"), decoders.Fuse())


def word_tokenizer(words: Iterable[str]) -> PreTrainedTokenizerFast:
    """A word-level tokenizer for word problems and the equations of their steps, with a closed vocabulary.

    `words` are words (runs of letters), numbers and single signs; operators, `;` and the special tokens are added. A
    number is the same token in the text and in an equation. Decoding puts one space between words, none before `. , ?`
    and none round operators, so text that is written so comes back as it was.

    >>> tokenizer = word_tokenizer(["Tom", "has", "cards", ".", "5", "3", "8"])
    >>> tokenizer.decode(tokenizer("Tom has 5 cards.")["input_ids"]), tokenizer.tokenize("5+3=8")
    ('Tom has 5 cards.', ['5', '+', '3', '=', '8'])

    Raises ValueError for a word that is not one run of letters or digits, or one sign: text would never be cut so.
    """
    words = list(words)
    for word in words:
        if not (word.isalpha() or re.fullmatch(r"[0-9]+|\S", word)):
            raise ValueError(f"{word!r} is no word of a word_tokenizer: give runs of letters, numbers or single signs")
    glue = r"[-+*/=();>]"  # no space on either side; nor round a special token
    decoder = decoders.Sequence(
        [
            decoders.WordPiece(prefix="##", cleanup=False),  # one space between all tokens
            decoders.Fuse(),
            decoders.Replace(Regex(rf" (?={glue}|[.,?!]|<\|)|(?<={glue}|\|>) "), ""),
        ]
    )
    return _word_level([*f"()+-*/={STEP_END}", *words], Regex(r"[0-9]+|\p{L}+|\S"), decoder)


def _word_level(words: Iterable[str], pieces: Regex, decoder: decoders.Decoder) -> PreTrainedTokenizerFast:
    """The tokenizer that cuts text at white space and into `pieces`, each of them one token."""
    vocabulary = dict.fromkeys([*SPECIALS, *words])
    tokenizer = Tokenizer(models.WordLevel({word: i for i, word in enumerate(vocabulary)}, unk_token="<unk>"))
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.WhitespaceSplit(), pre_tokenizers.Split(pieces, behavior="isolated")]
    )
    tokenizer.decoder = decoder
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        pad_token="<pad>",
        eos_token="<eos>",
        unk_token="<unk>",
        additional_special_tokens=[START_LATENT, LATENT, END_LATENT],
        clean_up_tokenization_spaces=False,
        padding_side="left",
    )


@dataclass(frozen=True)
class Encoded:
    """One problem as token ids: the question with its `<|start-latent|>`, each step, the answer."""

    problem: Problem
    question: tuple[int, ...]
    steps: tuple[tuple[int, ...], ...]
    answer: tuple[int, ...]
    replaced: int | None = None
    """The place of a step that does not follow from the question (`Domain.counterfactual`)."""


def compressed_length(row: Encoded, tokens_per_latent: int, step_end: int = 1) -> int:
    """Latents that carry the whole chain in words, `tokens_per_latent` of its tokens each, rounded up."""
    tokens = sum(len(step) + step_end for step in row.steps)
    return -(-tokens // tokens_per_latent)


LAYOUTS: dict[str, Callable[[Encoded, int, int, int], int]] = {
    "steps": lambda row, k, c, r: min(k, len(row.steps)) * c,
    "fixed": lambda row, k, c, r: k * c,
    "dropped": lambda row, k, c, r: 0,
    "compressed": lambda row, k, c, r: compressed_length(row, r) if k else 0,
}
"""At curriculum stage k the first k steps leave the language. Layout -> how many latents stand in their place, from the
row, k, c latents per step and r tokens per latent.

steps: c for every step that left, as many as the row has (ATP-Latent); a stop head decides at test time.
fixed: c * k for every row, whatever its length; the same number at test time (Coconut, SIM-CoT, CODI, pause tokens).
dropped: none; the steps are gone (iCoT, and at the last stage No-CoT).
compressed: one for every r tokens of the chain in words (CoLaR); a stop head decides at test time.
"""


@dataclass
class Batch:
    """Problems as padded tensors at one curriculum stage. Shapes: B rows, S latent steps at most.

    `question` (B, Q) left-padded; `n_latents` (B,) how many latents the layout gives each row; `language` (B, L)
    right-padded, starts with `<|end-latent|>`, ends with `<eos>`; `steps` (B, S, W) right-padded targets of the
    decoder, one text (with `<eos>`) per latent step; where a fixed layout has more latents than the row has steps, the
    text is empty (`<eos>` alone). Masks are 1 on real tokens. `replaced` (B, S) is True on steps that do not follow
    from the question: nobody can predict them.
    """

    problems: list[Problem]
    question: Tensor
    question_mask: Tensor
    n_latents: Tensor
    language: Tensor
    language_mask: Tensor
    steps: Tensor
    steps_mask: Tensor
    replaced: Tensor

    def __len__(self) -> int:
        return len(self.problems)

    def to(self, device: torch.device | str) -> Batch:
        moved = {name: value.to(device) for name, value in vars(self).items() if isinstance(value, Tensor)}
        return replace(self, **moved)


class Rows(list):
    """Encoded problems that were collated already, at one curriculum stage: `Collator` hands out what is there."""

    def __init__(self, rows: Sequence[Encoded], collate: Collator, stage: int) -> None:
        super().__init__(rows)
        self.stage, self.batch = stage, collate(list(rows), stage)


class Collator:
    """Turns problems into a `Batch` at curriculum stage k.

    Args:
        tokenizer: must know the three latent tokens, an eos token and a different pad token.
        latents_per_step: c, how many latents carry one step.
        layout: what stands in the place of the steps that left the language, a name of `LAYOUTS`.
        tokens_per_latent: r of the layout `compressed`.

    Raises:
        ValueError: a special token is missing, pad is eos, or a text holds a token outside the vocabulary.
    """

    def __init__(
        self,
        tokenizer: PreTrainedTokenizerBase,
        latents_per_step: int = 1,
        layout: str = "steps",
        tokens_per_latent: int = 1,
    ) -> None:
        if latents_per_step < 1:
            raise ValueError(f"latents_per_step is {latents_per_step}; a step needs at least 1 latent")
        if tokens_per_latent < 1:
            raise ValueError(f"tokens_per_latent is {tokens_per_latent}; a latent stands for at least 1 token")
        if layout not in list(LAYOUTS):  # of a file it may be anything
            raise ValueError(f"layout {layout!r}: choose from {', '.join(LAYOUTS)}")
        if tokenizer.pad_token_id is None or tokenizer.pad_token_id == tokenizer.eos_token_id:
            raise ValueError(
                f"the tokenizer's pad token ({tokenizer.pad_token!r}) must exist and differ from its eos token "
                f"({tokenizer.eos_token!r}), or the end of an answer gets no gradient: add one with "
                "tokenizer.add_special_tokens({'pad_token': '<pad>'})"
            )
        ids = tokenizer.convert_tokens_to_ids([START_LATENT, LATENT, END_LATENT])
        missing = [
            token
            for token, i in zip((START_LATENT, LATENT, END_LATENT), ids, strict=True)
            if i is None or i == tokenizer.unk_token_id
        ]
        if missing:
            raise ValueError(f"the tokenizer lacks {missing}: add them as additional_special_tokens")
        self.tokenizer = tokenizer
        self.latents_per_step = latents_per_step
        self.layout = layout
        self.tokens_per_latent = tokens_per_latent
        self.start_id, self.latent_id, self.end_id = ids
        self.step_end = tuple(self._ids([STEP_END])[0])
        first = tokenizer("1")["input_ids"][:1]  # what the tokenizer itself puts before a text
        self.opening = tuple(first) if first == [tokenizer.bos_token_id] else ()
        self._text = lru_cache(maxsize=10_000)(self._read)

    def _ids(self, texts: Sequence[str]) -> list[list[int]]:
        rows = self.tokenizer(list(texts), add_special_tokens=False)["input_ids"]
        unknown = self.tokenizer.unk_token_id
        for text, row in zip(texts, rows, strict=True):
            if unknown is not None and unknown in row:
                raise ValueError(
                    f"{text!r} holds {self._unknown_word(text)!r}, which the tokenizer does not know: write it with "
                    "the tokens of its vocabulary (for toy arithmetic: whole numbers up to the largest, + - * = and "
                    "parentheses; for stories: the words of story_words)"
                )
        return rows

    def _unknown_word(self, text: str) -> str:
        """The first piece of the text that is not in the vocabulary, as it is written there."""
        found = self.tokenizer(text, add_special_tokens=False, return_offsets_mapping=self.tokenizer.is_fast)
        at = found["input_ids"].index(self.tokenizer.unk_token_id)
        if not self.tokenizer.is_fast:
            return self.tokenizer.unk_token
        start, end = found["offset_mapping"][at]
        return text[start:end]

    def encode(self, problems: Iterable[Problem]) -> list[Encoded]:
        """Token ids of every problem, computed once so that a training loop need not."""
        problems = list(problems)
        if not problems:
            return []
        questions = self._ids([p.question for p in problems])
        answers = self._ids([p.answer for p in problems])
        texts = sorted({step for p in problems for step in p.steps})
        steps = dict(zip(texts, map(tuple, self._ids(texts)), strict=True)) if texts else {}
        return [
            Encoded(p, (*self.opening, *question, self.start_id), tuple(steps[s] for s in p.steps), tuple(answer))
            for p, question, answer in zip(problems, questions, answers, strict=True)
        ]

    def relabel(self, row: Encoded, problem: Problem, replaced: int | None = None) -> Encoded:
        """The row with the steps and the answer of `problem`, which asks the same question."""
        *steps, answer = map(tuple, self._ids([*problem.steps, problem.answer]))
        return Encoded(problem, row.question, tuple(steps), answer, replaced)

    def __call__(self, problems: Sequence[Problem] | Sequence[Encoded], stage: int) -> Batch:
        """The batch at curriculum stage `stage` = k: the first k steps leave the language, the rest stays.

        Stage 0 is plain chain of thought; a stage at or above the number of steps leaves only the answer.
        """
        if isinstance(problems, Rows) and problems.stage == stage:
            return problems.batch
        if stage < 0:
            raise ValueError(f"curriculum stage is {stage}; it starts at 0 (every step in words)")
        if not problems:
            raise ValueError("an empty batch: give at least one problem")
        rows = list(problems) if isinstance(problems[0], Encoded) else self.encode(problems)
        eos, pad = self.tokenizer.eos_token_id, self.tokenizer.pad_token_id
        c, r = self.latents_per_step, self.tokens_per_latent
        n_latents = [LAYOUTS[self.layout](row, stage, c, r) for row in rows]
        latent_steps = [
            [(*step, eos) for step in row.steps[:stage]] if self.layout in ("steps", "fixed") else [] for row in rows
        ]
        for texts, count in zip(latent_steps, n_latents, strict=True):
            if self.layout == "fixed":
                texts += [(eos,)] * (count // c - len(texts))
        language = [
            [self.end_id, *(t for step in row.steps[stage:] for t in (*step, *self.step_end)), *row.answer, eos]
            for row in rows
        ]
        question, question_mask = pad_rows([row.question for row in rows], pad, left=True)
        language, language_mask = pad_rows(language, pad)
        most = max(map(len, latent_steps))
        flat = [step for steps in latent_steps for step in [*steps, *[()] * (most - len(steps))]]
        steps, steps_mask = pad_rows(flat, pad)
        replaced = torch.tensor([[i == row.replaced for i in range(most)] for row in rows], dtype=torch.bool)
        return Batch(
            problems=[row.problem for row in rows],
            question=question,
            question_mask=question_mask,
            n_latents=torch.tensor(n_latents),
            language=language,
            language_mask=language_mask,
            steps=steps.reshape(len(rows), most, steps.shape[-1]),
            steps_mask=steps_mask.reshape(len(rows), most, steps.shape[-1]),
            replaced=replaced.reshape(len(rows), most),
        )

    def words(self, row: Encoded, stage: int) -> int:
        """Tokens of the steps that stay in words at this stage."""
        return sum(len(step) + len(self.step_end) for step in row.steps[stage:])

    def count(self, rows: Sequence[Encoded], stage: int) -> int:
        """Positions the backbone reads for these rows at this stage: question, latents and language."""
        c, r = self.latents_per_step, self.tokens_per_latent
        words = sum(self.words(row, stage) for row in rows)
        latents = sum(LAYOUTS[self.layout](row, stage, c, r) for row in rows)
        return words + latents + sum(len(row.question) + len(row.answer) + 2 for row in rows)

    def text(self, ids: Tensor) -> list[str]:
        """Rows of token ids as text. Padding and end tokens are left out; any other special token stays visible."""
        return [self._text(tuple(row)) for row in ids.tolist()]  # thoughts repeat: most texts are remembered

    def _read(self, row: tuple[int, ...]) -> str:
        silent = (self.tokenizer.pad_token_id, self.tokenizer.eos_token_id)
        return self.tokenizer.decode([i for i in row if i not in silent])


def split_language(text: str) -> tuple[list[str], str]:
    """What the model wrote after `<|end-latent|>`, as (steps in words, answer).

    >>> split_language("3+4=7;7*2=14;14")
    (['3+4=7', '7*2=14'], '14')
    """
    *steps, answer = text.split(STEP_END)
    return [step.strip() for step in steps], answer.strip()


def pad_rows(rows: Sequence[Sequence[int]], pad: int, left: bool = False) -> tuple[Tensor, Tensor]:
    """Rows of different length as one tensor and its mask of real tokens, both (rows, longest)."""
    width = max(map(len, rows), default=0)
    fill = [[pad] * (width - len(row)) for row in rows]
    ones = [[1] * len(row) for row in rows]
    zeros = [[0] * len(f) for f in fill]
    join = (lambda a, b: [*b, *a]) if left else (lambda a, b: [*a, *b])
    ids = torch.tensor([join(row, f) for row, f in zip(rows, fill, strict=True)], dtype=torch.long)
    mask = torch.tensor([join(one, zero) for one, zero in zip(ones, zeros, strict=True)], dtype=torch.long)
    return ids.reshape(len(rows), width), mask.reshape(len(rows), width)
