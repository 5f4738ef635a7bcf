import torch


def needed(shares, wanted):
    total = torch.tensor(sorted(shares, reverse=True), dtype=torch.float64).cumsum(0)
    return int((total < wanted - 1e-9).sum()) + 1


def by_svd(points):
    return -torch.linalg.svd(points - points.mean(0)).Vh[0]  # the other sign


def effect(before, after, donor):
    counts = [0, 0, 0]
    for b, a, d in zip(before, after, donor, strict=True):
        if b != d:
            counts[0 if a == b else 1 if a == d else 2] += 1
    return [count / max(1, sum(counts)) for count in counts]


def every_question(before, after, donor):
    n = len(before)
    stay = sum(a == b for a, b in zip(after, before, strict=True)) / n
    follow = sum(a == d for a, d in zip(after, donor, strict=True)) / n
    return [stay, follow, 1 - stay - follow]


RIGHT = {
    "06.1": [[0.8, 0.2], torch.tensor([8.0, 2.0]) / 10, (0.8, 0.2)],
    "06.2": [needed],
    "06.3": [by_svd, lambda points: by_svd(points).tolist()],
    "06.4": [effect],
}

WRONG = {
    "06.1": [[0.2, 0.8], [8.0, 2.0], [0.9, 0.1], [0.8], 0.8, "most"],
    "06.2": [
        lambda shares, wanted: sum(s >= wanted for s in shares),
        lambda shares, wanted: needed(shares, wanted) + 1,
        lambda shares, wanted: len(shares),
        # in the order in which they come
        lambda shares, wanted: next(k for k in range(1, 11) if sum(shares[:k]) >= wanted - 1e-9),
        2,
    ],
    "06.3": [
        lambda points: torch.linalg.svd(points).Vh[0],  # the mean forgotten
        lambda points: torch.linalg.svd(points - points.mean(0)).Vh[1],
        lambda points: 2 * by_svd(points),
        lambda points: by_svd(points)[:1],
        lambda points: points.mean(0) / points.mean(0).norm(),
        [1.0, 0.0],
    ],
    "06.4": [
        lambda before, after, donor: every_question(before, after, donor),
        lambda before, after, donor: effect(donor, after, before),
        lambda before, after, donor: [0.5, 0.5, 0.0],
        [0.5, 0.25, 0.25],
    ],
}
