import re

import torch
from torch.nn import functional as F


def think(imagine, read, hidden, n):
    out = [imagine(hidden)]
    while len(out) < n:
        out.append(imagine(read(out[-1])))
    read(out[-1])
    return torch.stack(out, dim=1)


def verify(question, steps, answer):
    left = question
    for step in steps:
        found = re.fullmatch(r"(\d+)([-+*])(\d+)=(\d+)", step)
        if not found:
            return 0
        a, operator, b, c = found.groups()
        if int(c) != {"+": int(a) + int(b), "-": int(a) - int(b), "*": int(a) * int(b)}[operator]:
            return 0
        done = f"{a}{operator}{b}"
        if left == done:
            left = c
        elif f"({done})" in left:
            left = left.replace(f"({done})", c, 1)
        else:
            return 0
    return left == answer


def bag(question, steps, answer):
    numbers = re.findall(r"\d+", question)
    for step in steps:
        found = re.fullmatch(r"(\d+)([-+*])(\d+)=(\d+)", step)
        if not found:
            return 0
        a, operator, b, c = found.groups()
        if int(c) != {"+": int(a) + int(b), "-": int(a) - int(b), "*": int(a) * int(b)}[operator]:
            return 0
        for number in (a, b):
            if number not in numbers:
                return 0
            numbers.remove(number)
        numbers.append(c)
    return numbers == [answer]


def advantages(rewards, G):
    rows = [rewards[i : i + G] for i in range(0, len(rewards), G)]
    return torch.cat([(row - row.mean()) / (row.std(correction=0) + 1e-6) for row in rows])


def surrogate(ratio, advantage, clip):
    return torch.min(ratio * advantage, torch.clip(ratio, 1 - clip, 1 + clip) * advantage)


RIGHT = {
    "build.think": [think],
    "build.reparameterise": [lambda mu, logvar, eps: mu + eps * logvar.exp().sqrt()],
    "build.kl": [lambda mu, logvar: ((mu**2 + logvar.exp() - logvar - 1) / 2).sum(-1)],
    "build.decoder_loss": [
        lambda logits, tokens, real: (
            -(logits.log_softmax(-1).gather(-1, tokens[..., None])[..., 0] * real).sum() / real.sum()
        )
    ],
    "build.stop_loss": [
        lambda logits, stopped, real: (F.softplus(torch.where(stopped, -logits, logits)) * real).sum() / real.sum()
    ],
    "build.verify": [verify],
    "build.advantages": [advantages],
    "build.surrogate": [surrogate],
}

WRONG = {
    "build.think": [
        lambda imagine, read, hidden, n: torch.stack([imagine(hidden)] * n, 1),
        lambda imagine, read, hidden, n: think(imagine, read, hidden, n).detach(),
        lambda imagine, read, hidden, n: think(imagine, read, hidden, n).transpose(0, 1),
        lambda imagine, read, hidden, n: think(imagine, lambda latent: read(latent.detach()), hidden.detach(), n),
        3,
    ],
    "build.reparameterise": [
        lambda mu, logvar, eps: mu + logvar.exp() * eps,  # the variance
        lambda mu, logvar, eps: (mu + torch.exp(logvar / 2) * eps).detach(),
        lambda mu, logvar, eps: mu + torch.exp(logvar / 2).detach() * eps,
        lambda mu, logvar, eps: torch.normal(mu, torch.exp(logvar / 2)),
    ],
    "build.kl": [
        lambda mu, logvar: 0.5 * (mu**2 + logvar.exp() - 1 - logvar).mean(-1),
        lambda mu, logvar: 0.5 * (mu**2 + logvar.exp() - 1 + logvar).sum(-1),
        lambda mu, logvar: 0.5 * (mu**2 + logvar.exp() - 1 - logvar).sum(),
    ],
    "build.decoder_loss": [
        lambda logits, tokens, real: F.cross_entropy(logits.flatten(0, 1), tokens.flatten()),
        lambda logits, tokens, real: F.cross_entropy(logits[real], tokens[real], reduction="sum"),
        lambda logits, tokens, real: F.cross_entropy(logits[:, :-1][real[:, 1:]], tokens[:, 1:][real[:, 1:]]),
    ],
    "build.stop_loss": [
        lambda logits, stopped, real: F.binary_cross_entropy_with_logits(logits, stopped.float()),
        lambda logits, stopped, real: F.binary_cross_entropy_with_logits(logits[real], (~stopped)[real].float()),
        lambda logits, stopped, real: F.binary_cross_entropy_with_logits(logits[real].sigmoid(), stopped[real].float()),
    ],
    "build.verify": [
        lambda question, steps, answer: 1.0,
        lambda question, steps, answer: float(bool(steps) and steps[-1].endswith(f"={answer}")),
        bag,  # true arithmetic with the question's numbers, and not what was asked
    ],
    "build.advantages": [
        lambda rewards, G: (rewards - rewards.mean()) / (rewards.std(correction=0) + 1e-6),  # of the batch
        lambda rewards, G: advantages(rewards.reshape(G, -1).T.flatten(), G),  # mixed groups
        lambda rewards, G: torch.cat([(r - r.mean()) / (r.std() + 1e-6) for r in rewards.reshape(-1, G)]),  # n - 1
        lambda rewards, G: torch.cat([(r - r.mean()) / r.std(correction=0) for r in rewards.reshape(-1, G)]),  # 0 / 0
    ],
    "build.surrogate": [
        lambda ratio, advantage, clip: ratio * advantage,
        lambda ratio, advantage, clip: ratio.clamp(1 - clip, 1 + clip) * advantage,
        lambda ratio, advantage, clip: torch.maximum(ratio * advantage, ratio.clamp(1 - clip, 1 + clip) * advantage),
        lambda ratio, advantage, clip: torch.minimum(ratio, ratio.clamp(1 - clip, 1 + clip)) * advantage,
    ],
}
