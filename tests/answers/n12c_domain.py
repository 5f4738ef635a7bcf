from atp_lite.domains import Problem


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
    "12c.1": [
        lambda question: set(question.split(" : ")[0].split()),
        lambda question: tuple(sorted(question.split(" : ")[0].split())),
    ],
    "12c.2": [walks, lambda question, hops, answer: bool(walks(question, hops, answer))],
    "12c.3": [forked],
}

WRONG = {
    "12c.1": [
        lambda question: question,
        lambda question: sorted(question.split()),  # start and goals too
        lambda question: question.split(" : ")[0],  # in this order
        lambda question: sorted(question.split(" : ")[0]),  # letters
        lambda question: {*question.split(" : ")[0]},
        lambda question: frozenset(frozenset(road) for road in question.split(" : ")[0].split()),  # both ways
        lambda question: 0,
        1,
    ],
    "12c.2": [
        coherent,  # does not look at the question
        lambda question, hops, answer: int(all(hop in question.split() for hop in hops)),
        lambda question, hops, answer: int(bool(hops) and hops[-1][-1:] == answer),
        lambda question, hops, answer: 1,
        lambda question, hops, answer: True,
        1,
    ],
    "12c.3": [
        lambda rng: forked(rng, dead=False),
        lambda rng: forked(rng, shuffle=False),
        lambda rng: forked(rng, swap=False),
        lambda rng: forked(rng, second="dead end"),
        always_one,
        lambda rng: "AB BC AD : A to C or F",
        Problem("AB BC AD EF : A to C or F", ("AB", "BC"), "C"),
    ],
}
