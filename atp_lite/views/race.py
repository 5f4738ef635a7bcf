"""One problem, several planners: the answer of each, its steps, and what that cost."""

from __future__ import annotations

import statistics
import time
from collections.abc import Mapping

from atp_lite.domains import Problem
from atp_lite.planner import Planner
from atp_lite.views.measure import problem_record, rounded
from atp_lite.views.tables import html_table, right_or_wrong

KEYS = ("answer", "correct", "reference")
COLUMNS = ("method", "answer", "thought or written", "latents", "tokens written", "milliseconds")


def race(planners: Mapping[str, Planner], problem: Problem, repeats: int = 5) -> list[dict]:
    """Every planner on one problem, in turns.

    Returns:
        For each: name, answer, correct, reference, steps (decoded or written; None without a decoder), n_latents,
        n_answer_tokens, milliseconds (median of `repeats`, without decoding).

    Raises:
        ValueError: no planner.
    """
    if not planners:
        raise ValueError("a race needs planners: give some by name")
    times: dict[str, list[float]] = {name: [] for name in planners}
    for planner in planners.values():
        planner.reason([problem], decode=False)  # warm up
    for _ in range(repeats):
        for name, planner in planners.items():
            start = time.perf_counter()
            planner.reason([problem], decode=False)
            times[name].append(time.perf_counter() - start)
    rows = []
    for name, planner in planners.items():
        trace = planner.reason([problem])
        record, unreadable = problem_record(trace), planner.model.decoder is None and planner.model.config.max_latents
        numbers = {"n_latents": int(trace.n_latents[0]), "n_answer_tokens": int(trace.n_answer_tokens[0])}
        numbers |= {"milliseconds": rounded(1e3 * statistics.median(times[name]), 3)}
        steps = None if unreadable else list(trace.steps[0])
        rows.append({"name": name} | {key: record[key] for key in KEYS} | {"steps": steps} | numbers)
    return rows


def race_html(rows: list[dict]) -> str:
    """The race as a table; text is escaped."""
    cells = []
    for row in rows:
        steps = "no decoder: cannot be read" if row["steps"] is None else "; ".join(row["steps"]) or "(nothing)"
        answer = f"{row['answer'] or '(nothing)'} ({right_or_wrong(row['correct'], row['reference'])})"
        numbers = str(row["n_latents"]), str(row["n_answer_tokens"]), f"{row['milliseconds']:.1f}"
        cells.append([row["name"], answer, steps, *numbers])
    return html_table(COLUMNS, cells)
