"""How many operations a run takes, and so how many hours, from lengths and sizes alone."""

from __future__ import annotations

from atp_lab.memory_plan.formulas import Practice, Sizes
from atp_lab.memory_plan.lengths import Corpus
from atp_lite.rl import RLSettings
from atp_lite.sft import SFTSettings


def sft_operations(m: Sizes, corpus: Corpus, settings: SFTSettings, parallel: bool) -> float:
    """Floating point operations of a whole run of SFT, its problems as long as they are on average.

    The way back costs twice the way there, half of that where weights are frozen (LoRA). parallel: the decoder reads
    every step from its latents and from each component of the head, and with `exposure` one more pass without gradients
    finds the planner's own thoughts.
    """
    mean, curriculum, total = corpus.lengths, settings.curriculum, 0.0
    steps_of = mean.mean_steps or float(mean.steps)
    for i, count in enumerate(curriculum.stage_steps):
        stage = curriculum.first_stage + i
        positions = corpus.tokens(stage, m.c) / corpus.problems
        latent = min(stage, steps_of)
        left = max(0.0, 1 - stage / steps_of) * mean.mean_chain if steps_of else 0.0
        thinking = m.backbone.operations(positions, left + mean.mean_answer + 1)
        one = _trained(m.backbone.learns, m.backbone.rank) * thinking
        if parallel and settings.exposure:
            one += thinking
        if m.decoder is not None and steps_of:
            read = latent * (m.c + mean.mean_chain / steps_of)
            reading = m.decoder.operations(read, latent * mean.mean_chain / steps_of)
            one += (1 + m.components if parallel else 1) * _trained(m.decoder.learns, m.decoder.rank) * reading
        total += count * settings.batch_size * one
    return total


def rl_operations(m: Sizes, p: Practice, corpus: Corpus, settings: RLSettings) -> float:
    """Floating point operations of a whole run of RL: rollouts, decoded steps, updates, and where several updates are
    made of one rollout what the sampling policy said. The KL to the start, measured now and then, is left out."""
    mean = corpus.lengths
    latents = min(float(p.latents), m.c * mean.mean_steps or p.latents)
    written = mean.mean_answer + 1
    thinking = m.backbone.operations(mean.mean_question + p.group * (latents + written), p.group * written)
    passes = 1 + settings.epochs * _trained(m.backbone.learns, m.backbone.rank) + p.several
    one = passes * thinking
    if m.decoder is not None and mean.mean_steps:
        texts = p.group * latents / m.c
        one += m.decoder.operations(texts * p.width, texts * p.width)
    return settings.iterations * settings.questions * one


def _trained(learns: bool, rank: int) -> int:
    """A step of training, in ways there."""
    return 3 if learns and not rank else 2
