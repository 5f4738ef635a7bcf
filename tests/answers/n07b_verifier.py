import re

from atp_lite.domains.coherence import coherence, read_equation


def numbers_once(question, steps, answer):
    """Another design: every number taken exactly once, whatever is made is taken later or is the answer."""
    free = [int(n) for n in re.findall(r"\d+", question)]
    for step in steps:
        equation = read_equation(step)
        if equation is None or not equation.is_right or any(x not in free for x in equation.operands):
            return 0.0
        for x in equation.operands:
            if x not in free:
                return 0.0
            free.remove(x)
        free.append(equation.rhs)
    return 1.0 if [str(x) for x in free] == [answer] else 0.0


def known_numbers(question, steps, answer):
    """Operands must be in the question or made before, but may be taken any number of times."""
    known = {int(n) for n in re.findall(r"\d+", question)}
    good = 0
    for step in steps:
        equation = read_equation(step)
        if equation is not None and equation.is_right and set(equation.operands) <= known:
            good += 1
            known.add(equation.rhs)
    return good / max(1, len(steps)) * (str(max(known)) == answer)


RIGHT = {
    "07b.2": [["3+4=7", "8-2=6", "3+4=7", "8-2=6"], ("7*6=42", "8-2=6", "8-2=6", "3+4=7")],
    "07b.1": [0.75, 3 / 4, "0.75"],
    "07b.3": [numbers_once],
}

WRONG = {
    "07b.2": [
        ["3+4=7", "8-2=6", "7*6=42", "3+4=7"],  # three ticks
        ["3+4=7", "3+4=7", "3+4=7", "3+4=7"],  # one
        ["3+4=7", "8-2=6", "1+1=2", "2+2=4"],  # not of the question
        ["3+4=7", "3+4=7"],
        ["3+4=7", 7, "8-2=6", "8-2=6"],
        "3+4=7",
    ],
    "07b.1": [1.0, 0.5, 3 / 5, 4],
    "07b.3": [
        lambda question, steps, answer: coherence(steps, answer).score,
        lambda question, steps, answer: coherence(steps, answer).score * coherence(steps, answer).right,
        lambda question, steps, answer: 1.0,
        lambda question, steps, answer: 2 * numbers_once(question, steps, answer),
        lambda question, steps, answer: numbers_once(question, steps, answer) * (steps[0] == "3+4=7"),
        lambda question, steps, answer: len(steps),
        known_numbers,
        0.5,
    ],
}
