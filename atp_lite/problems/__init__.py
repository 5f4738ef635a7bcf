"""What is reasoned about: problems, exact arithmetic on text, toy expressions. Plain Python."""

from atp_lite.problems.answers import last_number, same_answer, write_number
from atp_lite.problems.arithmetic import (
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
from atp_lite.problems.problem import Problem, data_hash, read_jsonl, write_jsonl
from atp_lite.problems.sampling import SPLITS, ArithmeticSettings, question_length

__all__ = [
    "SPLITS",
    "ArithmeticSettings",
    "Equation",
    "EquationError",
    "Leaf",
    "Operation",
    "Problem",
    "Step",
    "count_chains",
    "data_hash",
    "default_counts",
    "equivalent_chains",
    "evaluate",
    "expression_tokens",
    "generate",
    "label_errors",
    "last_number",
    "needed_steps",
    "parse_equation",
    "parse_number",
    "parse_tree",
    "question_length",
    "read_expression",
    "read_jsonl",
    "same_answer",
    "same_number",
    "split_of",
    "true_answer",
    "write_jsonl",
    "write_number",
]
