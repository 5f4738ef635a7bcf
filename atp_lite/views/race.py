"""One problem, several planners: what each answers, what it thought or wrote, and what that took."""

from __future__ import annotations

import statistics
import time
from collections.abc import Mapping

from atp_lite.domains import Problem
from atp_lite.planner import Planner
from atp_lite.views.measure import problem_record, rounded
from atp_lite.views.tables import html_table

COLUMNS = ("method", "answer", "thought or written", "latents", "tokens written", "milliseconds")


def race(planners: Mapping[str, Planner], problem: Problem, repeats: int = 5) -> list[dict]:
    """Every planner on one problem, in turns.

    Returns:
        For each: name, answer, correct, steps (decoded or written; None where nobody can read them), n_latents,
        n_answer_tokens, milliseconds (median of `repeats`, without decoding: the decoder only reads along).

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
        silent = planner.model.decoder is None and planner.model.config.max_latents > 0
        rows.append(
            {"name": name}
            | {key: problem_record(trace, 0)[key] for key in ("answer", "correct", "reference")}
            | {
                "steps": None if silent else list(trace.steps[0]),
                "n_latents": int(trace.n_latents[0]),
                "n_answer_tokens": int(trace.n_answer_tokens[0]),
                "milliseconds": rounded(1e3 * statistics.median(times[name]), 3),
            }
        )
    return rows


def race_html(rows: list[dict]) -> str:
    """The race as a table; text is escaped."""
    cells = []
    for row in rows:
        steps = "no decoder: nobody can read them" if row["steps"] is None else "; ".join(row["steps"]) or "(nothing)"
        verdict = "right" if row["correct"] else f"wrong, it is {row['reference']}"
        cells.append(
            [
                row["name"],
                f"{row['answer'] or '(nothing)'} ({verdict})",
                steps,
                str(row["n_latents"]),
                str(row["n_answer_tokens"]),
                f"{row['milliseconds']:.1f}",
            ]
        )
    return html_table(COLUMNS, cells)
