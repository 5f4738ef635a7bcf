import random
import statistics

import torch
from torch.nn import functional as F

from answers.build import advantages, think


def language_loss(logits, targets, real):
    nats = F.cross_entropy(logits.flatten(0, 1), targets.flatten(), reduction="none")
    return (nats * real.flatten()).sum() / real.sum()


def last_state(hidden, mask):
    last = (mask * torch.arange(1, mask.shape[1] + 1)).argmax(1)
    return hidden[torch.arange(len(hidden)), last]


def detached(imagine, read, hidden, n):
    latents = []
    for _ in range(n):
        latents.append(imagine(hidden))
        hidden = read(latents[-1].detach())
    return torch.stack(latents, 1)


def reward(answer, truth):
    try:
        return float(float(answer) == float(truth))
    except ValueError:
        return 0.0


def split(rows, share, rng):
    questions = sorted({question for question, _ in rows})
    rng.shuffle(questions)
    kept = set(questions[: round(share * len(questions))])
    return [row for row in rows if row[0] not in kept], [row for row in rows if row[0] in kept]


def cut(rows, share, rng):
    rng.shuffle(rows)
    n = round(share * len(rows))
    return rows[n:], rows[:n]


def half_width(rewards):
    means = [sum(row) / len(row) for row in rewards]
    return 1.96 * statistics.stdev(means) / len(means) ** 0.5


def choose(validation, test):
    best = validation.index(max(validation))
    return best, test[best]


RIGHT = {
    "13.1": [language_loss, lambda logits, targets, real: F.cross_entropy(logits[real], targets[real])],
    "13.2": [lambda tokens: (tokens[:, :-1], tokens[:, 1:])],
    "13.3": [last_state],
    "13.4": [think],
    "13.5": [lambda correct, n, price: correct - price * n],
    "13.6": [reward],
    "13.7": [advantages],
    "13.8": [split],
    "13.9": [choose],
    "13.10": [half_width],
}

WRONG = {
    "13.1": [
        lambda logits, targets, real: F.cross_entropy(logits.flatten(0, 1), targets.flatten()),
        lambda logits, targets, real: F.cross_entropy(logits[real], targets[real], reduction="sum"),
    ],
    "13.2": [
        lambda tokens: (tokens, tokens),
        lambda tokens: (tokens[:, 1:], tokens[:, :-1]),  # backwards
        lambda tokens: (tokens, tokens.roll(-1, 1)),  # the last place asks for the first token
        lambda tokens: tokens[:, :-1],
    ],
    "13.3": [
        lambda hidden, mask: hidden[:, -1],
        lambda hidden, mask: hidden[torch.arange(len(hidden)), mask.sum(1) - 1],  # padded on the right only
        lambda hidden, mask: (hidden * mask[..., None]).sum(1),
    ],
    "13.4": [detached, lambda imagine, read, hidden, n: think(imagine, read, hidden, n).detach()],
    "13.5": [
        lambda correct, n, price: correct + price * n,
        lambda correct, n, price: correct - price,
        lambda correct, n, price: correct * (1 - price * n),
    ],
    "13.6": [
        lambda answer, truth: float(truth in answer),
        lambda answer, truth: float(answer == truth),
        lambda answer, truth: float(answer.strip().endswith(truth)),
        lambda answer, truth: float(truth in answer.split()),
    ],
    "13.7": [
        lambda rewards, G: (rewards - rewards.mean()) / rewards.std(correction=0),
        lambda rewards, G: advantages(rewards.reshape(G, -1).T.flatten(), G).reshape(-1, G).T.flatten(),
        lambda rewards, G: torch.zeros_like(rewards),
        lambda rewards, G: rewards.tolist(),
    ],
    "13.8": [
        cut,
        lambda rows, share, rng: split(rows, share, random.Random(0)),
        lambda rows, share, rng: tuple(
            sorted(set(side)) for side in split(sorted({q: (q, a) for q, a in rows}.values()), share, rng)
        ),
        lambda rows, share, rng: (rows, []),
    ],
    "13.9": [
        lambda validation, test: (test.index(max(test)), max(test)),
        lambda validation, test: (validation.index(max(validation)), max(test)),
        lambda validation, test: (validation.index(max(validation)), max(validation)),
    ],
    "13.10": [
        lambda rewards: 1.96 * statistics.pstdev(sum(rewards, [])) / len(sum(rewards, [])) ** 0.5,
        lambda rewards: statistics.stdev(statistics.fmean(row) for row in rewards) / len(rewards) ** 0.5,
        lambda rewards: 1.96 * statistics.stdev(statistics.fmean(row) for row in rewards),
    ],
}
