"""How thoughts are trained: the curriculum, the step encoder, groups of tries, the verifier, and ways of a gradient."""

from __future__ import annotations

import torch

from atp_lite.domains import needed_steps, read_expression
from atp_lite.domains.chains import verify_chain
from atp_lite.rl.advantages import group_advantages
from tools.drawings.hand import Sketch, row
from tools.drawings.thinking import ANSWER, QUESTION, STEPS


def curriculum() -> Sketch:
    """Written steps become latents, one a stage."""
    s = Sketch(
        "The curriculum",
        "At stage 0 all steps are written. At each further stage one more written step becomes a latent, until only "
        "question, latents and answer are left.",
        368,
    )
    s.say(16, 30, "One step after the other leaves the text", look="name")
    said = ("all steps in words", "the first is a thought", "two are thoughts", "all are thoughts")
    for stage, what in enumerate(said):
        y = 50 + 74 * stage
        s.say(16, y + 14, f"stage {stage}:")
        s.say(82, y + 14, what, look="soft")
        parts = [QUESTION, *([""] * stage), *STEPS[stage:], ANSWER]
        row(s, 16, y + 24, parts, gap=9)
    s.say(16, 352, "The model makes each thought itself.", look="soft")
    return s


def step_encoder() -> Sketch:
    """A posterior that has seen the step, and a prior that has not."""
    s = Sketch(
        "Step encoder and prior",
        "In training the step encoder sees the label's step and makes its thought; the prior, which sees the question "
        "alone, learns to expect it. In use only the prior is left.",
        492,
    )
    s.say(16, 30, "In training", look="name")
    s.say(16, 60, "the question", look="soft")
    s.chip(16, 70, QUESTION)
    s.arrow("M130 84 H156")
    s.box(160, 60, 116, 48, "prior")
    s.arrow("M276 84 H306")
    s.cloud(338, 94, 28, 20)
    s.cloud(394, 76, 30, 20)
    s.say(424, 48, "all it expects", anchor="end", look="soft")
    s.arrow("M394 146 V103", "learn")
    s.say(380, 134, "learns to expect it (KL)", anchor="end")
    s.say(16, 154, "the label's step", look="soft")
    s.chip(16, 164, STEPS[1])
    s.arrow("M84 178 H156")
    s.box(160, 154, 116, 48, "step encoder")
    s.arrow("M276 178 H356")
    s.cloud(394, 178, 30, 24)
    s.dots((400, 172))
    s.arrow("M394 206 V240")
    s.say(380, 230, "a draw", anchor="end", look="soft")
    s.thought(370, 244, 1)
    s.arrow("M366 258 H280")
    s.box(160, 234, 116, 48, "decoder")
    s.arrow("M156 258 H88")
    s.chip(16, 244, STEPS[1])
    s.say(16, 292, "must write it", look="soft")
    s.rule(314)
    s.say(16, 344, "In use", look="name")
    s.say(84, 344, "no label: the prior thinks alone", look="soft")
    s.chip(16, 378, QUESTION)
    s.arrow("M130 392 H156")
    s.box(160, 368, 116, 48, "prior")
    s.arrow("M276 392 H364")
    s.thought(370, 378, 1)
    s.arrow("M394 406 V442 H218 V419", "back")
    s.say(220, 468, "reads its thought back and goes on", anchor="middle", look="soft")
    return s


TRIES = (((STEPS[0], STEPS[1], STEPS[2]), "49"), ((STEPS[0], STEPS[0], STEPS[2]), "48"))
GROUP = (*TRIES, ((STEPS[1], STEPS[0], STEPS[2]), "49"), (("3+2=5", "9-4=5", "5*5=25"), "25"))
"""Tries at the question: decoded steps and answer."""


def group() -> Sketch:
    """Four tries, their rewards and advantages, worked out by the package."""
    rewards = [float(answer == read_expression(QUESTION).answer) for _, answer in GROUP]
    advantages = group_advantages(torch.tensor(rewards), len(rewards)).tolist()
    s = Sketch(
        "Group, reward, advantage",
        "Four tries at one question; a right answer earns 1, a wrong one 0. A try above the mean of its group is made "
        "likelier, one below it rarer.",
        420,
    )
    s.say(16, 30, "Four tries at", look="name")
    s.chip(150, 12, QUESTION)
    for x, head in ((16, "thoughts"), (196, "answer"), (268, "reward"), (342, "advantage")):
        s.say(x, 68, head, look="soft")
    for i, ((_, answer), reward, advantage) in enumerate(zip(GROUP, rewards, advantages, strict=True)):
        y = 80 + 52 * i
        for k in range(3):
            s.thought(16 + 54 * k, y, i + k)
        s.arrow(f"M178 {y + 14} H192")
        s.chip(198, y, answer)
        s.mark(244, y + 14, bool(reward))
        s.say(290, y + 19, f"{reward:.0f}", anchor="middle")
        up = advantage > 0
        s.box(342, y - 2, 82, 32, f"{'▲' if up else '▼'} {advantage:+.0f}", kind="right" if up else "wrong")
    mean = sum(rewards) / len(rewards)
    s.rule(290)
    s.say(16, 318, f"The mean of this group is {mean:g}.")
    s.say(16, 346, "Above it: this try gets likelier.")
    s.say(16, 374, "Below it: rarer. All alike: nothing is learned.")
    s.say(16, 402, "advantage = (reward - mean) / spread", look="soft")
    return s


CHAINS = (
    (STEPS, "each step needed, each in its turn"),
    ((STEPS[1], STEPS[0], STEPS[2]), "another order is right too"),
    ((STEPS[0], STEPS[0], STEPS[2]), "9-2 is never done"),
    ((STEPS[2], STEPS[0], STEPS[1]), "7*7 before there are sevens"),
    (("3+2=5", "9-4=5", "5*5=25"), "true, and not what was asked"),
)
"""Chains as a decoder may read them, and what there is to say."""


def verifier() -> Sketch:
    """What a question needs, and which chains do it; the marks are `verify_chain`'s."""
    s = Sketch(
        "The verifier",
        "A question needs certain steps, some after others. A chain of steps is right if it takes each of them once, "
        "after those it uses.",
        216 + 58 * len(CHAINS),
    )
    needed = needed_steps(QUESTION)
    s.say(16, 30, "The question needs", look="name")
    s.chip(16, 62, QUESTION)
    s.arrow("M130 70 L186 52")
    s.arrow("M130 82 L186 100")
    s.chip(190, 38, STEPS[0])
    s.chip(190, 86, STEPS[1])
    s.arrow("M254 52 L320 72")
    s.arrow("M254 100 L320 80")
    s.chip(324, 62, STEPS[2])
    s.say(16, 148, "either bracket first, the product last", look="soft")
    s.rule(166)
    s.say(16, 196, "Is the chain right?", look="name")
    for i, (chain, why) in enumerate(CHAINS):
        y = 212 + 58 * i
        row(s, 16, y, chain, gap=8)
        s.mark(262, y + 14, verify_chain(needed, chain).is_right)
        s.say(16, y + 47, why, look="soft")
    return s


WAYS = (
    ("Score function", "each draw gets likelier or rarer, as a whole"),
    ("Through the decoder", "a thought's text says where it should move"),
    ("Through all latents", "the answer speaks too, back through each"),
    ("True answer", "no reward: the right answer pulls through all"),
)


def estimators() -> Sketch:
    """Where the gradient of each estimator goes."""
    s = Sketch(
        "Estimators",
        "Four ways to learn from tries: the score function pushes each draw; through the decoder the gradient comes "
        "from the text of a thought; through all latents from the answer as well; or from the true answer alone.",
        0,
    )
    s.say(16, 30, "Where does the gradient come from?", look="name")
    y = 50.0
    for i, (name, line) in enumerate(WAYS):
        texts, through = i in (1, 2), i in (2, 3)
        if i:
            s.rule(y)
        s.say(16, y + 26, name, look="name")
        s.say(16, y + 48, line, look="soft")
        top = y + (82 if through else 62)
        edges = row(s, 40, top, ["", "", "", ANSWER], gap=44)
        middles = [(left + right) / 2 for left, right in edges]
        for (_, right), (left, _) in zip(edges, edges[1:], strict=False):
            s.arrow(f"M{right + 2:g} {top + 14:g} H{left - 3:g}")
            if through:
                back = right - left
                s.arrow(f"M{left:g} {top - 3:g} c-12 -15 {back + 12:g} -15 {back:g} 0", "learn")
        for middle, step in zip(middles, (*STEPS, ""), strict=True):
            if texts and step or i == 0:
                s.arrow(f"M{middle:g} {top + 54:g} V{top + 32:g}", "learn")
                s.say(middle, top + 70, step if texts else "reward", look="code" if texts else "soft", anchor="middle")
        y = top + (84 if texts or i == 0 else 44)
    s.height = round(y)
    return s
