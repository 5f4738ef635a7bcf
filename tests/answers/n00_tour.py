from types import SimpleNamespace

import numpy as np
import torch

from atp_lite.domains import read_expression


def trace(*rows: tuple[str, str]) -> SimpleNamespace:
    """What exercise 00.4 reads of a trace: questions and the answers given."""
    return SimpleNamespace(problems=[read_expression(q) for q, _ in rows], answers=[answer for _, answer in rows])


RIGHT = {
    "00.1": [8, 8.0, "8", torch.tensor(8)],
    "00.2": [2 / 3, 0.667, np.float32(2 / 3)],
    "00.3": [281],
    "00.4": [trace(("(3+4)*(9-2)", "48")), trace(("1+2", "3"), ("(1+2)+3", "no number"))],
}

WRONG = {
    "00.1": [24, 7, "eight", True, [8]],
    "00.2": [1.0, 1 / 3, 66.7],
    "00.3": [271, 280, 282],
    "00.4": [
        trace(("(3+4)*(9-2)", "49")),
        trace(("((((1+2)+3)+4)+5)+6", "20")),  # wrong, but five steps
        trace(),
        "(3+4)*(9-2)",
        read_expression("(3+4)*(9-2)"),  # a problem, not what was thought about it
    ],
}
