from collections import Counter
from itertools import permutations
from math import factorial, prod

import torch

from atp_lite.domains import needed_steps


def by_removal(question):
    """Without listing: strike a first step out, and count what is left by the ways to each set."""
    uses = tuple(step.uses for step in needed_steps(question))
    texts = [step.text for step in needed_steps(question)]
    first = [i for i, used in enumerate(uses) if not used]
    return {texts[i]: ways(uses, frozenset({i})) / ways(uses, frozenset()) for i in first}


def ways(uses, done, known=None):
    known = {} if known is None else known
    if len(done) == len(uses):
        return 1
    if done not in known:
        ready = [i for i in range(len(uses)) if i not in done and done.issuperset(uses[i])]
        known[done] = sum(ways(uses, done | {i}, known) for i in ready)
    return known[done]


def equal_shares(question):
    first = [step.text for step in needed_steps(question) if not step.uses]
    return {step: 1 / len(first) for step in first}


def tree_formula(uses):
    sizes = []
    for used in uses:
        sizes.append(1 + sum(sizes[j] for j in used))
    return factorial(len(sizes)) // prod(sizes)


RIGHT = {
    "01.1": [20, "20", torch.tensor(20)],
    "01.2": [1.571, 1.57, 1.5709505944546684],
    "01.3": [by_removal, lambda question: Counter(by_removal(question))],
    "01.4": [[0.5, 0.7, 0.9352], torch.tensor([0.5, 0.7, 0.935])],
    "01.5": [lambda uses: ways(uses, frozenset())],
}

WRONG = {
    "01.1": [720, 19, 10, "many"],
    "01.2": [1.585, 1.089, 2.0],  # three equal shares; in nats
    "01.3": [
        equal_shares,
        lambda question: by_removal(question) | {"1+1=2": 0.0},
        lambda question: {},
        lambda question: [1.0],
        "3+4=7",
    ],
    "01.4": [[0.5, 0.7, 0.5], [0.5, 0.3, 0.935], [0.5, 0.7], 0.5],
    "01.5": [
        tree_formula,
        lambda uses: factorial(len(uses)),
        lambda uses: sum(all(o.index(j) < o.index(i) for i in o for j in uses[i]) for o in permutations(range(4))),
        [3],
    ],
}
