import math
import statistics

import torch

T = {3: 4.30265, 5: 2.77645}


def paired(ours, base):
    values = [ours[seed] - base[seed] for seed in ours if seed in base]
    n = len(values)
    return [sum(values) / n, T[n] * statistics.stdev(values) / n**0.5]


def unpaired(ours, base):
    n = min(len(ours), len(base))
    s = statistics.variance(ours.values()) / len(ours) + statistics.variance(base.values()) / len(base)
    return [statistics.fmean(ours.values()) - statistics.fmean(base.values()), T[n] * s**0.5]


def by_place(ours, base):
    return paired(dict(enumerate(ours.values())), dict(enumerate(base.values())))


def verdict(mean, half, n, fewer, margin):
    """From the ends of the interval."""
    if n < 3:
        return "undecided"
    low, high = sorted([(-mean if fewer else mean) - half, (-mean if fewer else mean) + half])
    return "holds" if low > margin else "does not hold" if high < margin else "undecided"


RIGHT = {
    "09.1": [[4, 1.963], (4.0, 2.776 * 2.5**0.5 / 5**0.5)],
    "09.2": [paired, lambda ours, base: torch.tensor(paired(ours, base))],
    "09.3": [verdict],
    "09.4": [[0.5, 0.996, 0.5, 0.5], torch.tensor([0.5, 255 / 256, 0.5, 0.5])],
    "09.5": [[0.25, 0.0625], (1 / 4, 1 / 16)],
}

WRONG = {
    "09.1": [
        [4, 1.386],  # 1.96 instead of 2.776
        [4, 1.756],  # s with n
        [4, 4.39],  # not divided by the root of n
        4,
    ],
    "09.2": [
        unpaired,
        by_place,
        lambda ours, base: [paired(ours, base)[0], 1.96 * paired(ours, base)[1] / T[3]],
        lambda ours, base: paired(base, ours),
        [5, 2.48],
    ],
    "09.3": [
        lambda mean, half, n, fewer, margin: "holds" if mean > 0 else "does not hold",
        lambda mean, half, n, fewer, margin: verdict(mean, half, n, False, margin),
        lambda mean, half, n, fewer, margin: verdict(mean, half, n, fewer, 0),
        lambda mean, half, n, fewer, margin: verdict(mean, 0 if math.isnan(half) else half, 3, fewer, margin),
        lambda mean, half, n, fewer, margin: "HOLDS",
        "holds",
    ],
    "09.4": [
        [0.5, 0.996, 0.5, 0.996],
        [0.5, 0.996],
        [50, 99.6, 50, 50],
    ],
    "09.5": [[0.125, 0.03125], [0.5, 0.5], 0.25],
}
