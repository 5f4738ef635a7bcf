from atp_lite.domains import same_number
from atp_lite.domains.coherence import read_equation


def fresh(steps):
    new, seen = 0, []
    for equation in map(read_equation, steps):
        if equation is not None:
            key = (list(equation.operands), equation.rhs)
            new += key not in seen
            seen.append(key)
    return new / max(1, len(steps))


def short_and_right(answer, reference):
    return float(same_number(answer, reference)) / max(1, len(answer))


APART = ["10+1=11", "20+1=21", "30+1=31"]


RIGHT = {
    "12.1": [fresh],
    "12.2": [(APART, "31"), [[*APART, "2*3=6"], "06"], (("1+1=2", "3*4=12", "9-5=4"), "4")],
    "12.3": [short_and_right],
}

WRONG = {
    "12.1": [
        lambda steps: len(set(steps)) / len(steps),  # texts; and no steps
        lambda steps: len(set(steps)) / max(1, len(steps)),
        lambda steps: 1.0,
        lambda steps: sum(read_equation(step) is not None for step in steps) / max(1, len(steps)),
        0.5,
    ],
    "12.2": [
        (APART[:2], "21"),
        (APART, "11"),
        ([*APART[:2], "30+1=32"], "32"),
        (["10+1=11", "10+1=11", "30+1=31"], "31"),
        (["3+4=7", "9-2=7", "7*7=49"], "49"),  # hangs together
        (["10+1=11", "1+11=12", "30+1=31"], "31"),
        ([], ""),
        (APART, 31),
        "31",
    ],
    "12.3": [
        lambda answer, reference: 1 / len(answer) if answer == reference else 0.0,  # letter by letter
        lambda answer, reference: 1 / len(answer) if answer else 0.0,
        lambda answer, reference: 1 / len(reference) if same_number(answer, reference) else 0.0,
        lambda answer, reference: float(same_number(answer, reference)),
        lambda answer, reference: 1 / len(answer) * same_number(answer, reference),  # fails without an answer
    ],
}
