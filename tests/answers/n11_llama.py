import math


def stage_steps(problems, batch, epochs, stages, each):
    spread = [each] * (stages - 1)
    return [-(-e * problems // batch) for e in [*spread, epochs - sum(spread)]]


def whole_mean(means, counts):
    tokens = [m for m, n in zip(means, counts, strict=True) for _ in range(n)]
    return sum(tokens) / len(tokens)


def gpu_hours(weights, tokens, operations, peak, utilisation):
    return weights * tokens * operations / peak / utilisation / 60 / 60


RIGHT = {
    "11.1": [128.48, 8.03 * 16],
    "11.2": [stage_steps],
    "11.3": [whole_mean],
    "11.4": [gpu_hours],
}

WRONG = {
    "11.1": [32.12, 96.36, 64.24, 128.48e9, "much"],  # weights alone, one moment, 8 bytes each, bytes
    "11.2": [
        lambda p, b, e, s, each: [each * p // b] * (s - 1) + [(e - each * (s - 1)) * p // b],  # rounded down
        lambda p, b, e, s, each: [math.ceil(each * p / b)] * s,  # the last stage is no longer
        lambda p, b, e, s, each: [math.ceil(p / b) * each] * (s - 1) + [math.ceil(p / b) * (e - each * (s - 1))],
        [24_102],
    ],
    "11.3": [
        lambda means, counts: sum(means) / len(means),
        lambda means, counts: sum(m * n for m, n in zip(means, counts, strict=True)),  # not divided
        lambda means, counts: sum(m * n for m, n in zip(means, counts, strict=True)) / sum(counts),  # nan * 0 is nan
    ],
    "11.4": [
        lambda n, t, o, p, u: n * t * o / (p * u),  # seconds
        lambda n, t, o, p, u: n * t * o * u / p / 3600,
        lambda n, t, o, p, u: 6 * n * t / (p * u) / 3600,  # operations ignored
    ],
}
