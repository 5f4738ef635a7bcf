import math

import torch


def free_bits(kls, floor):
    total = 0.0
    for kl in kls:
        total += kl if kl > floor else floor
    return total


def active(mu, threshold):
    spread = ((mu - mu.mean(0)) ** 2).mean(0)
    return sum(v > threshold for v in spread.tolist())


RIGHT = {
    "04.1": [0.5 * (4 - math.log(4)) + 0.5 * (3.01 - math.log(0.01)), 5.115, torch.tensor(5.1145)],
    "04.2": [4, 4.0],
    "04.3": [free_bits, lambda kls, floor: torch.tensor(kls).clamp(min=floor).sum()],
    "04.4": [active, lambda mu, threshold: (mu.std(0, correction=0) ** 2 > threshold).sum()],
}

WRONG = {
    "04.1": [
        10.229,  # not halved
        0.5 * (4 - math.log(2)) + 0.5 * (3.01 - math.log(0.1)),  # log sigma in the place of log sigma^2
        0.5 * (4 - math.log10(4)) + 0.5 * (3.01 - math.log10(0.01)),
        1.705,  # the mean over dimensions
        "five",
    ],
    "04.2": [0.5, 16, 32, True],
    "04.3": [
        lambda kls, floor: sum(kls),
        lambda kls, floor: max(sum(kls), floor * len(kls)),  # the maximum after the sum
        lambda kls, floor: sum(max(kl - floor, 0) for kl in kls),
        lambda kls, floor: sum(max(kl, 0.5) for kl in kls),  # floor ignored
        4.5,
    ],
    "04.4": [
        lambda mu, threshold: int((mu.abs().mean(0) > threshold).sum()),  # the value in the place of its variance
        lambda mu, threshold: int((mu.var(0) > threshold).sum()),  # divided by n - 1
        lambda mu, threshold: int((mu.var(1, correction=0) > threshold).sum()),  # over the wrong axis
        lambda mu, threshold: int((mu.std(0, correction=0) > threshold).sum()),
        lambda mu, threshold: mu.shape[1],
    ],
}
