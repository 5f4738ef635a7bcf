"""What is reasoned about: problems, exact arithmetic on text, toy expressions, word problems. Plain Python."""

from atp_lite.problems.answers import is_right, last_number, same_answer, write_number
from atp_lite.problems.arithmetic import (
    ProblemSettings,
    count_chains,
    default_counts,
    equivalent_chains,
    generate,
    label_errors,
    needed_steps,
    read_expression,
    split_of,
    true_answer,
)
from atp_lite.problems.benchmarks import (
    BENCHMARKS,
    BenchmarkSettings,
    annotated_steps,
    chain_fault,
    chain_faults,
    iterate_benchmark,
    load_benchmark,
)
from atp_lite.problems.equations import (
    Equation,
    EquationError,
    Leaf,
    Operation,
    evaluate,
    parse_equation,
    parse_number,
    parse_tree,
    same_number,
)
from atp_lite.problems.expressions import Step, expression_tokens
from atp_lite.problems.overlap import normalise_question, overlap, without_overlap, without_repeats
from atp_lite.problems.problem import Problem, data_hash, iterate_jsonl, read_jsonl, write_jsonl
from atp_lite.problems.sampling import SPLITS, ArithmeticSettings, question_length
from atp_lite.problems.stories import StorySettings, story_words
from atp_lite.problems.story_steps import Story, read_story, story_of

__all__ = [
    "BENCHMARKS",
    "SPLITS",
    "ArithmeticSettings",
    "BenchmarkSettings",
    "Equation",
    "EquationError",
    "Leaf",
    "Operation",
    "Problem",
    "ProblemSettings",
    "Step",
    "Story",
    "StorySettings",
    "annotated_steps",
    "chain_fault",
    "chain_faults",
    "count_chains",
    "data_hash",
    "default_counts",
    "equivalent_chains",
    "evaluate",
    "expression_tokens",
    "generate",
    "is_right",
    "iterate_benchmark",
    "iterate_jsonl",
    "label_errors",
    "last_number",
    "load_benchmark",
    "needed_steps",
    "normalise_question",
    "overlap",
    "parse_equation",
    "parse_number",
    "parse_tree",
    "question_length",
    "read_expression",
    "read_jsonl",
    "read_story",
    "same_answer",
    "same_number",
    "split_of",
    "story_of",
    "story_words",
    "true_answer",
    "without_overlap",
    "without_repeats",
    "write_jsonl",
    "write_number",
]
