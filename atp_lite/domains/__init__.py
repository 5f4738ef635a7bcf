"""What is reasoned about: problems, their domains, exact arithmetic on text. Plain Python."""

from atp_lite.domains.answers import is_right, last_number, same_answer, write_number
from atp_lite.domains.arithmetic import read_expression
from atp_lite.domains.arithmetic.expressions import expression_tokens
from atp_lite.domains.arithmetic.sampling import ArithmeticSettings, question_length
from atp_lite.domains.chains import ChainVerdict, Step
from atp_lite.domains.domain import (
    DOMAINS,
    UNNAMED,
    Domain,
    EquationDomain,
    NotMeasured,
    Vocabulary,
    count_chains,
    default_counts,
    equivalent_chains,
    generate,
    measured,
    needed_steps,
    read_question,
)
from atp_lite.domains.equations import (
    Equation,
    evaluate,
    parse_equation,
    parse_number,
    same_number,
)
from atp_lite.domains.files import annotated_steps, iterate_jsonl, read_jsonl
from atp_lite.domains.gym.countdown import CountdownSettings
from atp_lite.domains.gym.gsm_symbolic import GsmSymbolicSettings
from atp_lite.domains.gym.path_star import PathStarSettings
from atp_lite.domains.made import SPLITS, MadeDomain, label_errors, split_of, true_answer
from atp_lite.domains.overlap import normalise_question, overlap, without_overlap
from atp_lite.domains.problem import Problem, data_hash, write_jsonl
from atp_lite.domains.routes import RouteSettings
from atp_lite.domains.stories import story_words
from atp_lite.domains.stories.sampling import StorySettings
from atp_lite.domains.stories.steps import Story, read_story, story_of
from atp_lite.domains.syntax import EquationError
from atp_lite.domains.word_problems.loading import (
    BENCHMARKS,
    BenchmarkSettings,
    chain_fault,
    chain_faults,
    iterate_benchmark,
    load_benchmark,
)

__all__ = [
    "BENCHMARKS",
    "DOMAINS",
    "SPLITS",
    "UNNAMED",
    "ArithmeticSettings",
    "BenchmarkSettings",
    "ChainVerdict",
    "CountdownSettings",
    "Domain",
    "Equation",
    "EquationDomain",
    "EquationError",
    "GsmSymbolicSettings",
    "MadeDomain",
    "NotMeasured",
    "PathStarSettings",
    "Problem",
    "RouteSettings",
    "Step",
    "Story",
    "StorySettings",
    "Vocabulary",
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
    "measured",
    "needed_steps",
    "normalise_question",
    "overlap",
    "parse_equation",
    "parse_number",
    "question_length",
    "read_expression",
    "read_jsonl",
    "read_question",
    "read_story",
    "same_answer",
    "same_number",
    "split_of",
    "story_of",
    "story_words",
    "true_answer",
    "without_overlap",
    "write_jsonl",
    "write_number",
]
