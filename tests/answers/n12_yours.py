from atp_lite.domains import Problem
from atp_lite.domains.coherence import read_equation


def fresh(steps):
    new, seen = 0, []
    for equation in map(read_equation, steps):
        if equation is not None:
            key = (list(equation.operands), equation.rhs)
            new += key not in seen
            seen.append(key)
    return new / max(1, len(steps))


def walks(question, hops, answer):
    left, place = question.split(" : ")[0].split(), question.split(" : ")[1][0]
    for hop in hops:
        if hop not in left or hop[0] != place:
            return 0.0
        left.remove(hop)
        place = hop[1]
    return float(bool(hops) and place == answer)


def coherent(question, hops, answer):
    following = [*hops[1:], answer]
    return bool(hops) and all(h and n and h[1] == n[0] for h, n in zip(hops, following, strict=True))


def forked(rng, dead=True, shuffle=True, swap=True, second="elsewhere"):
    s, m, g, d, x, y, z = rng.sample("ABCDEFGH", 7)
    edges = [s + m, m + g, x + y, y + z] + ([s + d] if dead else [])
    goals = [g, {"elsewhere": z, "dead end": d}[second]]
    if shuffle:
        rng.shuffle(edges)
    if swap:
        rng.shuffle(goals)
    return Problem(f"{' '.join(edges)} : {s} to {goals[0]} or {goals[1]}", (s + m, m + g), g)


def always_one(rng):
    return Problem("AB BC AD EF : A to C or F", ("AB", "BC"), "C")


RIGHT = {
    "12.1": [fresh],
    "12.2": [[1280, 0.078125], (1280.0, 0.0781)],
    "12.3": [walks, lambda question, hops, answer: bool(walks(question, hops, answer))],
    "12.4": [forked],
}

WRONG = {
    "12.1": [
        lambda steps: len(set(steps)) / len(steps),  # texts; and no steps
        lambda steps: len(set(steps)) / max(1, len(steps)),
        lambda steps: 1.0,
        lambda steps: sum(read_equation(step) is not None for step in steps) / max(1, len(steps)),
        0.5,
    ],
    "12.2": [[1280, 12.8], [16384, 1.0], [320, 0.0195], 1280],
    "12.3": [
        coherent,  # does not look at the question
        lambda question, hops, answer: int(all(hop in question.split() for hop in hops)),
        lambda question, hops, answer: int(bool(hops) and hops[-1][-1:] == answer),
        lambda question, hops, answer: 1,
        lambda question, hops, answer: True,
        1,
    ],
    "12.4": [
        lambda rng: forked(rng, dead=False),
        lambda rng: forked(rng, shuffle=False),
        lambda rng: forked(rng, swap=False),
        lambda rng: forked(rng, second="dead end"),
        always_one,
        lambda rng: "AB BC AD : A to C or F",
        Problem("AB BC AD EF : A to C or F", ("AB", "BC"), "C"),
    ],
}
