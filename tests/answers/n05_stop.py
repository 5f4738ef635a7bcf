import math


def stop_labels(n, k, c):
    latents = c * min(n, k)
    return [0] * (latents - 1) + [1] if latents else []


def expected_latents(p):
    """By the distribution of the last latent instead of the survivals."""
    total, alive = 0.0, 1.0
    for t, chance in enumerate(p, start=1):
        ends = alive if t == len(p) else alive * chance
        total += t * ends
        alive -= ends
    return total


RIGHT = {
    "05.1": [25, 25.0, "25"],
    "05.2": [stop_labels, lambda n, k, c: [t == c * min(n, k) for t in range(1, c * min(n, k) + 1)]],
    "05.3": [1.264, (math.log(2) + math.log(1 + math.exp(-3)) + math.log(1 + math.exp(3))) / 3],
    "05.4": [expected_latents],
}

WRONG = {
    "05.1": [33, 23, 24, 22],  # all in words; c = 1; without the `;`; without marks
    "05.2": [
        lambda n, k, c: [0] * (n - 1) + [1],  # the stage ignored
        lambda n, k, c: [0] * (c * k - 1) + [1],  # short problems get too many
        lambda n, k, c: [0] * (min(n, k) - 1) + [1],  # c ignored
        lambda n, k, c: 1,
        [0, 0, 1],
    ],
    "05.3": [
        3.792,  # the sum
        (2 * math.log(1 + math.exp(-3)) + math.log(2)) / 3,  # the last label read as go on
        1.264 / math.log(2),  # in bits
        "none",
    ],
    "05.4": [
        lambda p: sum(t * chance for t, chance in enumerate(p, start=1)),
        lambda p: len(p),
        lambda p: 1 / (sum(p) / len(p)) if sum(p) else len(p),  # without the limit
        lambda p: sum(1 - chance for chance in p),
        None.__class__,
    ],
}
