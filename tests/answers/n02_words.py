import torch


def counted(tokens):
    """By walking along instead of by places."""
    marks, writing = [], False
    for token in tokens:
        writing = (writing or token == "<|end-latent|>") and token != "<eos>"
        marks.append(int(writing))
    return marks


def greedy(scores, prompt, end, limit):
    if limit == 0:
        return []
    best = int(torch.tensor(scores(prompt)).argmax())
    return [best] if best == end else [best, *greedy(scores, [*prompt, best], end, limit - 1)]


def without_end(scores, prompt, end, limit):
    written = greedy(scores, prompt, end, limit)
    return written[:-1] if written[-1] == end else written


RIGHT = {
    "02.1": [[32, 2], (32, 2.0)],
    "02.2": [[0.665, 0.09, 0.245, 0], torch.tensor([2.0, 0.0, 1.0, -torch.inf]).softmax(0)],
    "02.3": [
        counted,
        lambda tokens: torch.tensor(counted(tokens)),
        lambda tokens: [mark == 1 for mark in counted(tokens)],  # True and False will do
    ],
    "02.4": [greedy],
}

WRONG = {
    "02.1": [[30, 1], [33, 3], 32],
    "02.2": [
        [0.867, 0.016, 0.117, 0],  # not divided by the root
        [0.665, 0.09, 0.245],
        torch.tensor([2.0, 0.0, 1.0, 9.0]).softmax(0),  # looks ahead
    ],
    "02.3": [
        lambda tokens: [0, *counted(tokens)[:-1]],  # not shifted
        lambda tokens: [int(token != "<pad>") for token in tokens],
        lambda tokens: counted(tokens)[:-1],
        [0, 1],
    ],
    "02.4": [
        without_end,
        lambda scores, prompt, end, limit: greedy(scores, prompt, end, 100)[:20],  # no limit
        lambda scores, prompt, end, limit: prompt + greedy(scores, prompt, end, limit),
        lambda scores, prompt, end, limit: greedy(lambda tokens: scores(prompt), prompt, end, limit),  # forgets
    ],
}
