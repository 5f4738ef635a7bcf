import math

import torch


def leave_one_out(rewards):
    others = [[r for j, r in enumerate(rewards) if j != i] for i in range(len(rewards))]
    return [r - sum(o) / len(o) if o else 0.0 for r, o in zip(rewards, others, strict=True)]


def surrogate(rho, advantage, eps):
    if advantage >= 0:  # the two cases written out, instead of min and clamp
        return min(rho, 1 + eps) * advantage
    return max(rho, 1 - eps) * advantage


RIGHT = {
    "08.1": [
        [math.sqrt(3), -0.577, -0.577, -0.577],
        torch.tensor([2.5, 0.5, 0.5, 0.5]).sub(1).div(0.75**0.5),
        (1.732, -0.5774, -0.5774, -0.5774),
        [1.73, -0.58, -0.58, -0.58],
    ],
    "08.2": [leave_one_out, lambda r: torch.tensor(leave_one_out(r))],
    "08.3": [surrogate],
    "08.4": [0.32, 64 * 0.01 / 2],
}

WRONG = {
    "08.1": [
        [1.5, -0.5, -0.5, -0.5],  # not divided
        [1.5, -0.5, -0.5, -0.5, 0.0],
        [1.5],  # std with n - 1
        [1.73, -0.57, -0.57, -0.57],
        [float("nan")] * 4,
        3.0,
        "abcd",
    ],
    "08.2": [
        lambda r: [x - sum(r) / len(r) for x in r],
        lambda r: [x - (sum(r) - x) / (len(r) - 1) for x in r],  # divides by zero in a group of one
        lambda r: r,
        [0.0],
    ],
    "08.3": [
        lambda rho, a, eps: rho * a,
        lambda rho, a, eps: min(max(rho, 1 - eps), 1 + eps) * a,  # without the outer minimum
        lambda rho, a, eps: min(rho, min(max(rho, 1 - eps), 1 + eps)) * a,  # the minimum before multiplying
        lambda rho, a, eps: min(rho * a, min(max(rho, 0.8), 1.2) * a),  # eps ignored
        lambda rho: rho,
    ],
    "08.4": [0.64, 0.005, 0.8],
}
