"""Are thoughts causes? Others are put in their places, and what comes after is compared with what should follow.

An edit puts another latent in the place of thought t of a greedy run; the planner thinks on from it, to its own stop,
and answers (an interchange intervention: Geiger et al. 2021, arXiv 2106.02997).

    swap        thought t of a neighbour, another problem with as many needed steps and as many latents
    swap-all    all thoughts of the neighbour
    typed       the step encoder's thought of another step of the domain's choice (`Domain.counterfactual`)
    borrowed    the thought that reads as that step in another question
    noise       control: thought t, moved in a random direction, as far as `typed` (else `borrowed`) moves it
    same-text   control: the thought that reads the same text in another question

What follows from a step of a wrong chain nobody can say. So only problems are edited whose decoded chain is right, by
the domain's verifier, which needs no label (where it has none: whose answer is right). The chain that is edited is the
planner's own. Without a step encoder nothing is typed. An outcome

    follows     is what follows from the step that was put in (for the controls: from the domain's, by chance)
    stays       is what it was before the edit
    neither

Where what follows and what was before are the same, they cannot be told apart, and the problem is left out. Later steps
are looked at where the chain had some before the edit: whether t is the last thought is decided before t is read.
"""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cache, partial

import torch
from torch import Tensor
from tqdm.auto import tqdm

from atp_lite.domains import Domain, Problem, measured
from atp_lite.domains.chains import Rest
from atp_lite.evaluation.batches import Batches, Job, Made, with_margin
from atp_lite.evaluation.effects import Causes, Effect, Response
from atp_lite.model.noise import noise_of_norm
from atp_lite.model.trace import Answered
from atp_lite.planner import Planner


@dataclass(frozen=True)
class Run:
    """A problem as the planner thought about it before any edit."""

    position: int
    """Its place among the problems."""
    problem: Problem
    """The question, the steps that the planner's own thoughts read as, and the reference answer."""
    answer: str
    """What the planner answered."""
    thoughts: tuple[Tensor, ...]
    """(c, d) of every latent step, on the CPU."""
    first_token: Tensor
    """(V,) probabilities of the answer's first token, on the CPU."""
    right: bool
    """Whether it can be said what follows from its thoughts: whether its chain is right."""

    @property
    def n_steps(self) -> int:
        """Steps of the chain that an edit can replace."""
        return min(len(self.problem.steps), len(self.thoughts))


@dataclass(frozen=True)
class Edit:
    """Latents that are put in the place of a run's own."""

    run: Run
    name: str
    """One of EDITS."""
    place: int
    """The step they stand for, from 1; 0 for all of them."""
    latents: Tensor
    """(c, d), or (T, d) for all."""
    text: str
    """What they should be read as."""
    implied: Problem | None
    """The steps and the answer that follow; None where nobody can say."""


@torch.no_grad()
def causes(
    planner: Planner, problems: Iterable[Problem], seed: int = 0, batch_size: int = 500, progress: bool = False
) -> Causes:
    """Edit every thought of every problem in every way, and see what follows.

    A neighbour is the next problem of its kind in the list, so the list is part of the measure; the batch size is not.

    Args:
        seed: of typed steps, noise, and which question the same text is taken from.
        batch_size: trajectories at once; halved where memory runs out.

    Raises:
        ValueError: no problem, or a planner whose thoughts nobody can read.
    """
    problems, model = list(problems), planner.model
    if not problems:
        raise ValueError("no problems to measure on: the file or split is empty")
    if not model.config.max_latents or model.decoder is None:
        raise ValueError(
            "this planner has no latents that a decoder reads, so no thought of it can be replaced: take one trained "
            "with atp, atp-step or sim-cot"
        )
    batches = Batches(batch_size, exact=model.dtype in (torch.float32, torch.float64))
    groups: dict[tuple[int, int], list[Edit]] = defaultdict(list)  # by place and number of latents
    effects: list[Effect] = []
    training = model.training
    model.train(False)
    try:
        jobs = [(i, 0) for i in range(len(problems))]
        runs, _ = batches.run_jobs(jobs, partial(_runs, planner, problems), name="causes")
        for edit in edits_of(planner, runs, [len(problem.steps) for problem in problems], seed):
            groups[edit.place, len(edit.latents)].append(edit)
        with tqdm(total=sum(map(len, groups.values())), desc="edits", disable=not progress) as bar:
            for _, group in sorted(groups.items()):
                jobs = [(i, 0) for i in range(len(group))]
                effects += batches.run_jobs(jobs, partial(_effects, planner, group), name="causes")[0]
                bar.update(len(group))
    finally:
        model.train(training)
    return Causes(len(problems), sum(run.right for run in runs), effects)


def partners(needed: Sequence[int], latents: Sequence[int]) -> list[int]:
    """For every row the next row, round about, that needs as many steps and was given as many latents.

    A row without company is its own partner. The needed steps count too: where every problem gets the same number of
    latents, a step would otherwise meet latents that have nothing left to say.
    """
    kinds = list(zip(needed, latents, strict=True))
    rows: dict[tuple[int, int], list[int]] = defaultdict(list)
    for row, kind in enumerate(kinds):
        rows[kind].append(row)
    following = {row: after for own in rows.values() for row, after in zip(own, own[1:] + own[:1], strict=True)}
    return [following[row] for row in range(len(kinds))]


def edits_of(planner: Planner, runs: Sequence[Run], needed: Sequence[int], seed: int) -> Iterator[Edit]:
    """Every edit of the runs with a right chain. needed: how many steps the label of each run has."""
    domain, encodes = planner.domain, planner.model.step_encoder is not None
    written = cache(lambda text: planner.thought(text).cpu())
    readers: dict[tuple[int, str], list[Run]] = defaultdict(list)
    for run in runs:
        for place in range(1, run.n_steps + 1):
            readers[place, run.problem.steps[place - 1]].append(run)

    def borrowed(text: str, place: int, run: Run, rng: random.Random) -> Tensor | None:
        """A thought of another question that reads so."""
        others = [other for other in readers[place, text] if other is not run]
        return rng.choice(others).thoughts[place - 1] if others else None

    right = [run for run in runs if run.right]
    neighbours = partners([needed[run.position] for run in right], [len(run.thoughts) for run in right])
    for run, donor in zip(right, (right[i] for i in neighbours), strict=True):
        if donor is not run and run.thoughts:
            yield Edit(run, "swap-all", 0, torch.cat(donor.thoughts), "", donor.problem)
        for place in range(1, run.n_steps + 1):
            own, said = run.thoughts[place - 1], run.problem.steps[place - 1]
            if donor is not run and place <= donor.n_steps:
                text = donor.problem.steps[place - 1]
                implied = measured(domain.substitute, run.problem, place - 1, text)
                yield Edit(run, "swap", place, donor.thoughts[place - 1], text, implied)
            rng = random.Random(f"{seed}/{run.position}/{place}")
            made = measured(domain.counterfactual, run.problem, rng, place - 1)
            if made is None:
                continue
            implied, text = made[1], made[1].steps[place - 1]
            put = {"borrowed": borrowed(text, place, run, rng), "typed": written(text) if encodes else None}
            put = {name: latents for name, latents in put.items() if latents is not None}
            for name, latents in put.items():
                yield Edit(run, name, place, latents, text, implied)
            if put:
                generator = torch.Generator().manual_seed(rng.getrandbits(63))
                size = (list(put.values())[-1] - own).norm().item()
                noise = noise_of_norm(own.numel(), size, generator).view_as(own)
                yield Edit(run, "noise", place, own + noise, said, implied)
            if (same := borrowed(said, place, run, rng)) is not None:
                yield Edit(run, "same-text", place, same, said, implied)


def _first_token(planner: Planner, trace: Answered) -> Tensor:
    """(B, V) probabilities of the first token of the answers, on the CPU."""
    return planner.model.replay(trace).answer_logits[:, 0].float().softmax(-1).cpu()


def _runs(planner: Planner, problems: Sequence[Problem], jobs: Sequence[Job]) -> Made[Run]:
    """The runs of some problems, in one batch."""
    domain, c, made = planner.domain, planner.model.config.latents_per_step, []
    trace, tokens, margin = with_margin(lambda: planner.reason([problems[i] for i, _ in jobs]))
    latents, first = trace.latents.cpu(), _first_token(planner, trace)
    for row, ((i, _), chain, answer) in enumerate(zip(jobs, trace.chains, trace.answers, strict=True)):
        verdict = measured(domain.verify, problems[i], chain)
        right = domain.is_right(answer, problems[i].answer) if verdict is None else verdict.arrives
        thoughts = latents[row, : int(trace.n_latents[row]) // c * c].split(c)
        made.append(Run(i, replace(problems[i], steps=tuple(chain)), answer, thoughts, first[row], right))
    return made, tokens, margin


def _effects(planner: Planner, edits: Sequence[Edit], jobs: Sequence[Job]) -> Made[Effect]:
    """The effects of some edits of one place, in one batch."""
    chosen = [edits[i] for i, _ in jobs]
    problems = [edit.run.problem for edit in chosen]
    put = torch.stack([edit.latents for edit in chosen])  # (B, n, d)
    first = max(chosen[0].place - 1, 0) * planner.model.config.latents_per_step + 1
    at = {first + k: put[:, k] for k in range(put.shape[1])}
    after, tokens, margin = with_margin(lambda: planner.finish(planner.think(problems, edits=at)))
    shifts = (_first_token(planner, after) - torch.stack([edit.run.first_token for edit in chosen])).abs().sum(-1) / 2
    rows = zip(chosen, after.steps, after.answers, shifts.tolist(), strict=True)
    return [_effect(planner.domain, *row, after.fixed_length) for row in rows], tokens, margin


def _effect(domain: Domain, edit: Edit, steps: list[str], answer: str, shift: float, fixed: bool) -> Effect:
    """fixed: every row thinks the same number of latents, of which those after a complete chain do not count."""
    run, place, implied = edit.run, edit.place, edit.implied
    chain = list(run.problem.steps)
    later = steps[place : len(chain) if fixed else None]
    answer_stays, rest_stays = domain.is_right(answer, run.answer), later == chain[place:]
    of_answer: Response | None = None
    verdict: Rest | None = None
    if implied is not None and not domain.is_right(run.answer, implied.answer):
        of_answer = _response(domain.is_right(answer, implied.answer), answer_stays)
    if implied is not None and 0 < place < len(chain):
        verdict = measured(_rest, domain, edit, implied.steps[place - 1], steps, fixed)
    return Effect(
        position=run.position,
        edit=edit.name,
        place=place,
        answer=of_answer,
        rest=verdict and _response(verdict.follows, rest_stays),
        rest_arrives=verdict and verdict.arrives,
        reads=steps[place - 1 : place] == [edit.text] if place else None,
        answer_changed=not answer_stays,
        rest_changed=not rest_stays if 0 < place < len(chain) else None,
        shift=shift,
    )


def _rest(domain: Domain, edit: Edit, step: str, steps: list[str], fixed: bool) -> Rest:
    """The verdict on what comes after an edit; with `fixed`, up to where the chain is complete."""
    for end in range(edit.place, len(steps)) if fixed else ():
        found = domain.follows(edit.run.problem, edit.place - 1, step, steps[:end])
        if found.arrives:
            return found
    return domain.follows(edit.run.problem, edit.place - 1, step, steps)


def _response(follows: bool, stays: bool) -> Response:
    return "follows" if follows else "stays" if stays else "neither"
