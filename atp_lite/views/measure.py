"""Trace -> numbers: what the pictures show, as plain dictionaries of rounded Python values.

Nothing is computed twice: the functions read a `Trace` that was thought, answered and decoded, or the lines
of a `metrics.jsonl`. What comes out can be written as JSON, compared in a test, or drawn.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence

from atp_lite.domains import Domain, EquationDomain, measured
from atp_lite.domains.coherence import Coherence, StepUse
from atp_lite.model import Decoded, Trace
from atp_lite.planner import Planner

_EQUATIONS = EquationDomain()


def rounded(value: float, digits: int = 4) -> float | None:
    """A plain float of so many significant digits; None where it is not finite (JSON has no such number)."""
    return float(f"{float(value):.{digits}g}") if math.isfinite(value) else None


# ------------------------------------------------------------------ one problem


def thought_table(planner: Planner, trace: Trace, row: int = 0) -> dict:
    """What the planner thought about one problem, step by step.

    Returns:
        id, question, answer (the model's), reference (the exact one), correct, n_latents, n_answer_tokens,
        coherence and right (shares of the steps, in [0, 1]), and `steps`, each with

        - number, kind ("latent", or "words" for a step written out), text;
        - probability of the decoded text under the decoder (exp of the summed log-probabilities), stop
          (probability of stopping after it), decided (whether the stop head had the say there), sigma (mean
          over its latents and dimensions); None for a step in words;
        - right (valid arithmetic), coherent, used_in (numbers of later steps), is_answer.

        Where the planner's domain cannot tell, coherence and right are None, in the table and in every step.

    Raises:
        ValueError: the planner has no decoder, or the trace was not answered and decoded.
        IndexError: there is no such row.
    """
    if not 0 <= row < len(trace):
        raise IndexError(f"row {row} of a trace of {len(trace)} rows: give 0 to {len(trace) - 1}")
    n_latent_steps, c = len(latent_texts(planner, trace)[row]), planner.model.config.latents_per_step
    question = trace.problems[row].question if trace.problems else ""
    found = measured(trace.domain.coherence, trace.steps[row], trace.answers[row], question)
    known, uses = found is not None, found or Coherence(tuple(StepUse(s, None, (), False) for s in trace.steps[row]))
    steps = []
    for i, use in enumerate(uses.steps):
        step = {"number": i + 1, "kind": "words", "text": use.text}
        step |= {"probability": None, "stop": None, "decided": False, "sigma": None}
        if i < n_latent_steps:
            first, last = i * c, i * c + c - 1
            step["kind"] = "latent"
            step["probability"] = round(math.exp(float(trace.step_log_probs[row, i].sum())), 4)
            step["stop"] = round(float(trace.stop_probs[row, last]), 4)
            step["decided"] = bool(trace.stop_decided[row, last])
            step["sigma"] = round(float(trace.sigma[row, first : last + 1].mean()), 4)
        step |= {"right": use.is_right if known else None, "coherent": use.is_coherent if known else None}
        step |= {"used_in": [later + 1 for later in use.used_in], "is_answer": use.is_answer}
        steps.append(step)
    return problem_record(trace, row) | {
        "n_latents": int(trace.n_latents[row]),
        "n_answer_tokens": int(trace.n_answer_tokens[row]),
        "coherence": None if found is None else round(found.score, 4),
        "right": None if found is None else round(found.right, 4),
        "steps": steps,
    }


def coherence_graph(
    steps: Sequence[str],
    answer: str,
    reference: str | None = None,
    domain: Domain = _EQUATIONS,
    question: str = "",
) -> dict:
    """Which result is used where, as nodes and edges.

    Args:
        steps: decoded steps of one trajectory.
        answer: its own final answer.
        reference: the exact answer, where known.
        domain: what reads the steps, such as `trace.domain`; by default they are equations.
        question: what the steps are about.

    Returns:
        `nodes`: one for each step (id, kind "step", text, result, value, is_equation, right, coherent) and
        one for the answer (kind "answer"; right is None without a reference). `value` is what the left side
        really is, or the reference. `edges`: ids of source and target, and the value that is handed on.
        `score` is R_coh, `right` the share of valid steps, `ruler` what they are called.

    Raises:
        NotMeasured: the domain cannot read steps.
    """
    found = domain.coherence(steps, answer, question)
    nodes, edges, end = [], [], len(found.steps)
    for i, use in enumerate(found.steps):
        known = use.read is not None
        result = str(use.read.rhs) if known else None
        nodes.append(
            {
                "id": i,
                "kind": "step",
                "text": use.text,
                "result": result,
                "value": str(use.read.value) if known else None,
                "is_equation": known,
                "right": use.is_right,
                "coherent": use.is_coherent,
            }
        )
        edges += [{"source": i, "target": later, "value": result} for later in use.used_in]
        if use.is_answer:
            edges.append({"source": i, "target": end, "value": result})
    value = domain.read_answer(answer)
    nodes.append(
        {
            "id": end,
            "kind": "answer",
            "text": answer,
            "result": None if value is None else str(value),
            "value": reference,
            "is_equation": False,
            "right": None if reference is None else domain.is_right(answer, reference),
            "coherent": any(edge["target"] == end for edge in edges),
        }
    )
    score, right = round(found.score, 4), round(found.right, 4)
    return {"nodes": nodes, "edges": edges, "score": score, "right": right, "ruler": domain.ruler}


# ------------------------------------------------------------------ a training run


def curves(metrics: Iterable[Mapping], names: Sequence[str] | None = None) -> dict[str, dict[str, list]]:
    """Lines of a `metrics.jsonl` -> {name: {"step": [...], "value": [...]}} for each metric that occurs.

    names: the metrics wanted, in this order; None takes all numeric ones. A name that no line has is left
    out.
    """
    lines = [line for line in metrics if "step" in line]
    if names is None:
        names = list(dict.fromkeys(name for line in lines for name in line if name != "step"))
    series = {}
    for name in names:
        found = [(line["step"], line[name]) for line in lines if isinstance(line.get(name), int | float)]
        if found:
            values = [rounded(value) for _, value in found]
            series[name] = {"step": [step for step, _ in found], "value": values}
    return series


def stages(metrics: Iterable[Mapping]) -> list[dict[str, int]]:
    """The curriculum stages of an SFT run: each with its `stage`, and its `first` and `last` optimizer step.

    Known as finely as the run was logged: a stage begins where the last line of the one before was written.
    """
    spans: list[dict[str, int]] = []
    end = 0
    for line in metrics:
        if "stage" in line:
            if not spans or spans[-1]["stage"] != line["stage"]:
                spans.append({"stage": line["stage"], "first": end, "last": end})
            spans[-1]["last"] = end = line["step"]
    return spans


def running_mean(values: Sequence[float | None], window: int) -> list[float | None]:
    """The mean of each value and its neighbours, `window` values in all, fewer at the ends; skips None."""
    half, means = window // 2, []
    for i in range(len(values)):
        near = [value for value in values[max(0, i - half) : i + half + 1] if value is not None]
        means.append(rounded(sum(near) / len(near)) if near else None)
    return means


# ------------------------------------------------------------------ read from a trace


def problem_record(trace: Trace, row: int) -> dict:
    """The problem of a row and whether it was solved; `reference` and `correct` may be None (unknown)."""
    problem = trace.problems[row] if trace.problems else None
    reference = (problem.answer or None) if problem else None
    return {
        "id": problem.id if problem else "",
        "question": problem.question if problem else "",
        "answer": trace.answers[row],
        "reference": reference,
        "correct": None if reference is None else trace.domain.is_right(trace.answers[row], reference),
    }


def latent_texts(planner: Planner, trace: Trace) -> list[list[str]]:
    """The decoder's text of every latent step of every row. Raises ValueError where there is none."""
    if planner.model.decoder is None:
        raise ValueError(
            "this planner has no decoder, so its latents cannot be read as text: train one with a decoder "
            "(ModelSettings.decoder_layers of 1 or more)"
        )
    if not isinstance(trace, Decoded) or (trace.n_latents.any() and not trace.step_tokens.numel()):
        raise ValueError(
            "this trace was not answered and decoded: take one from planner.reason(problems), or call "
            "planner.finish(trace) first"
        )
    return planner.step_texts(trace)
