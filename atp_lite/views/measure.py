"""Trace -> numbers: what the pictures show, as plain dictionaries of rounded Python values.

Nothing is computed twice: the functions read a decoded `Trace`, or the lines of a `metrics.jsonl`. The results can be
written as JSON, compared in a test, or drawn.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence

from atp_lite.domains import Domain, EquationDomain, measured
from atp_lite.domains.coherence import Coherence, StepUse
from atp_lite.model import Decoded, Trace
from atp_lite.planner import Planner
from atp_lite.sft import Curriculum

_EQUATIONS = EquationDomain()
_WRITTEN = {"kind": "words", "probability": None, "stop": None, "decided": False, "sigma": None}


def rounded(value: float, digits: int = 4) -> float | None:
    """A plain float of so many significant digits; None where it is not finite (JSON has no such number)."""
    return float(f"{float(value):.{digits}g}") if math.isfinite(value) else None


# ------------------------------------------------------------------ one problem


def thought_table(planner: Planner, trace: Trace, row: int = 0) -> dict:
    """What the planner thought about one problem, step by step.

    Returns:
        What `problem_record` returns, n_latents, n_answer_tokens, coherence and right (shares of the steps, in [0, 1]),
        graph (`trace_graph`), and `steps`, each with

        - number, kind ("latent", or "words" for a written step), text;
        - probability of the decoded text (exp of its summed log-probabilities), stop (probability of stopping after
          it), decided (whether the stop head decided there), sigma (mean over its latents and dimensions); None for a
          step in words;
        - right (valid arithmetic), coherent, used_in (numbers of later steps), is_answer.

        Where the planner's domain has no coherence, it, right and graph are None, in the table and in every step.

    Raises:
        ValueError: the planner has no decoder, or the trace was not answered and decoded.
        IndexError: there is no such row.
    """
    if not 0 <= row < len(trace):
        raise IndexError(f"row {row} of a trace of {len(trace)} rows: give 0 to {len(trace) - 1}")
    n_latent_steps, c = len(latent_texts(planner, trace)[row]), planner.model.config.latents_per_step
    record = problem_record(trace, row)
    found = measured(trace.domain.coherence, trace.steps[row], record["answer"], record["question"])
    known, uses = found is not None, found or Coherence(tuple(StepUse(s, None, (), False) for s in trace.steps[row]))
    steps = [
        {"number": i + 1, "text": use.text}
        | (_latent_step(trace, row, i, slice(i * c, i * c + c)) if i < n_latent_steps else _WRITTEN)
        | {"right": use.is_right if known else None, "coherent": use.is_coherent if known else None}
        | {"used_in": [later + 1 for later in use.used_in], "is_answer": use.is_answer}
        for i, use in enumerate(uses.steps)
    ]
    return record | {
        "n_latents": int(trace.n_latents[row]),
        "n_answer_tokens": int(trace.n_answer_tokens[row]),
        "coherence": None if found is None else round(found.score, 4),
        "right": None if found is None else round(found.right, 4),
        "graph": measured(trace_graph, trace, row),
        "steps": steps,
    }


def _latent_step(trace: Decoded, row: int, step: int, latents: slice) -> dict:
    return {
        "kind": "latent",
        "probability": round(math.exp(float(trace.step_log_probs[row, step].sum())), 4),
        "stop": round(float(trace.stop_probs[row, latents][-1]), 4),
        "decided": bool(trace.stop_decided[row, latents][-1]),
        "sigma": round(float(trace.sigma[row, latents].mean()), 4),
    }


def coherence_graph(
    steps: Sequence[str], answer: str, reference: str | None = None, domain: Domain = _EQUATIONS, question: str = ""
) -> dict:
    """Which result is used where, as nodes and edges.

    Args:
        steps: decoded steps of one trajectory.
        answer: its own final answer.
        reference: the exact answer, where known.
        domain: reads the steps, such as `trace.domain`; by default they are equations.
        question: what the steps are about.

    Returns:
        `nodes`: one for each step (id, kind "step", text, result, value, is_equation, right, coherent) and one for the
        answer (kind "answer"; right is None without a reference). `value` is what the left side really is, or the
        reference. `edges`: source and target ids, and the value passed on. `score` is R_coh, `right` the share of valid
        steps; `ruler` and `no_step` are the domain's words for a valid step and for a text that is none.

    Raises:
        NotMeasured: the domain cannot read steps.
    """
    found = domain.coherence(steps, answer, question)
    nodes, edges, end = [], [], len(found.steps)
    for i, use in enumerate(found.steps):
        result, value = (None, None) if use.read is None else (str(use.read.rhs), str(use.read.value))
        node = {"id": i, "kind": "step", "text": use.text, "result": result, "value": value}
        nodes.append(node | {"is_equation": use.read is not None, "right": use.is_right, "coherent": use.is_coherent})
        targets = [*use.used_in, *([end] if use.is_answer else [])]
        edges += [{"source": i, "target": target, "value": result} for target in targets]
    own = domain.read_answer(answer)
    node = {"id": end, "kind": "answer", "text": answer, "result": None if own is None else str(own)}
    right = None if reference is None else domain.is_right(answer, reference)
    used = any(edge["target"] == end for edge in edges)
    nodes.append(node | {"value": reference, "is_equation": False, "right": right, "coherent": used})
    scores = {"score": round(found.score, 4), "right": round(found.right, 4)}
    return {"nodes": nodes, "edges": edges} | scores | {"ruler": domain.ruler, "no_step": domain.step_kind("")}


def trace_graph(trace: Decoded, row: int = 0) -> dict:
    """`coherence_graph` of one row, read by the trace's domain."""
    record = problem_record(trace, row)
    return coherence_graph(trace.steps[row], record["answer"], record["reference"], trace.domain, record["question"])


# ------------------------------------------------------------------ a training run


def curves(metrics: Iterable[Mapping], names: Sequence[str] | None = None) -> dict[str, dict[str, list]]:
    """Lines of a `metrics.jsonl` -> {name: {"step": [...], "value": [...]}} for each metric that occurs.

    names: the metrics wanted, in this order; None takes all numeric ones. A name that no line has is left out.
    """
    lines = [line for line in metrics if "step" in line]
    if names is None:
        names = list(dict.fromkeys(name for line in lines for name in line if name != "step"))
    series = {}
    for name in names:
        found = [(line["step"], rounded(line[name])) for line in lines if isinstance(line.get(name), int | float)]
        if found:
            series[name] = {"step": [step for step, _ in found], "value": [value for _, value in found]}
    return series


def stages(curricula: Iterable[Curriculum]) -> list[dict[str, int]]:
    """The stages of SFT runs, one after the other: each with its `stage`, and the optimizer steps `first` to `last`."""
    spans: list[dict[str, int]] = []
    end = 0
    for curriculum in curricula:
        for stage, steps in enumerate(curriculum.stage_steps, start=curriculum.first_stage):
            if steps:
                spans.append({"stage": stage, "first": end, "last": end + steps})
            end += steps
    return spans


def running_mean(values: Sequence[float | None], window: int) -> list[float | None]:
    """The mean of each value and its neighbours, `window` values in all, fewer at the ends; skips None."""
    half, means = window // 2, []
    for i in range(len(values)):
        near = [value for value in values[max(0, i - half) : i + half + 1] if value is not None]
        means.append(rounded(sum(near) / len(near)) if near else None)
    return means


# ------------------------------------------------------------------ read from a trace


def problem_record(trace: Trace, row: int = 0) -> dict:
    """id, question, answer (the model's), reference (the exact one) and correct of a row; None where unknown."""
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
