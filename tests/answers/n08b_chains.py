import math


def nearest(chains, log_p):
    best, highest = None, float("-inf")
    for chain in chains:
        total = sum(said.get(step, -50.0) for step, said in zip(chain, log_p, strict=True))
        if total > highest:
            best, highest = chain, total
    return best


RIGHT = {
    "08b.2": [[-1.5 / (1 + math.e), -6], (-0.4034, -6.0)],
    "08b.1": [[0, 0.8], (0.0, 4 / 5)],
    "08b.3": [nearest],
}

WRONG = {
    "08b.2": [
        [-6, -0.4034],
        [-1.5 * math.log(1 / (1 + math.exp(-1))), -6],  # the value in the place of its derivative
        [-0.4034, -3],  # divided by sigma
        [0.4034, 6],  # A without its sign
        -6,
    ],
    "08b.1": [[1, 1], [0, 0.4], [1, 0.8], [0.8, 0], 0.8],
    "08b.3": [
        lambda chains, log_p: chains[0],
        lambda chains, log_p: chains[-1],
        lambda chains, log_p: [max(said, key=said.get) for said in log_p],  # one by one: no right chain
        lambda chains, log_p: max(chains, key=lambda chain: log_p[0].get(chain[0], -50)),  # the first thought alone
        lambda chains, log_p: max(chains, key=lambda chain: sum(p[s] for s, p in zip(chain, log_p, strict=True))),
        lambda chains, log_p: 3,
        ["3+4=7"],
    ],
}
