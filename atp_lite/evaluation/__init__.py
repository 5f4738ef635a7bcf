"""Evaluation: what a planner gets right, how many tokens it needs, and whether its thoughts are reasons.

    print(evaluate(planner, problems, EvalSettings(samples=8)).to_markdown())

And several test sets in one run that can be interrupted, in one table beside the paper's figures:

    sets = benchmark_sets(["gsm8k", "svamp"], BenchmarkSettings(mirror=Path("folder")))
    print(evaluate_benchmarks(planner, sets, EvalSettings(samples=8), out="runs/eval").to_markdown())

Whether later thoughts and answers follow from the thoughts before them:

    print(causes(planner, problems).to_markdown())
"""

from atp_lite.evaluation.benchmarks import evaluate_benchmarks
from atp_lite.evaluation.effects import Causes, Effect
from atp_lite.evaluation.engine import EvalSettings, Evaluation, evaluate
from atp_lite.evaluation.interventions import causes, partners
from atp_lite.evaluation.metrics import Estimate, mean_interval, outcomes, pass_at_k, wilson
from atp_lite.evaluation.report import PAPER, PAPER_MEAN, PAPER_TOKENS, Report
from atp_lite.evaluation.sets import ProblemSet, benchmark_sets, read_set
