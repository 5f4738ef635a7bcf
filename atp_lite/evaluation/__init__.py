"""Several test sets in one run that can be interrupted: benchmarks, files, one table beside the paper's figures.

    sets = benchmark_sets(["gsm8k", "svamp"], BenchmarkSettings(mirror=Path("folder")))
    print(evaluate_benchmarks(planner, sets, EvalSettings(samples=8), out="runs/eval").to_markdown())
"""

from atp_lite.evaluation.paper import PAPER, PAPER_MEAN, PAPER_TOKENS
from atp_lite.evaluation.report import Report
from atp_lite.evaluation.run import evaluate_benchmarks
from atp_lite.evaluation.sets import ProblemSet, benchmark_sets, read_set

__all__ = [
    "PAPER",
    "PAPER_MEAN",
    "PAPER_TOKENS",
    "ProblemSet",
    "Report",
    "benchmark_sets",
    "evaluate_benchmarks",
    "read_set",
]
