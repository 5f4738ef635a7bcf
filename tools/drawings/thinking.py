"""What a thought is: the loop that makes it, its shape, what it may stand for, and what is kept of it."""

from __future__ import annotations

from tools.drawings.hand import Sketch, row

QUESTION, STEPS, ANSWER = "(3+4)*(9-2)", ("3+4=7", "9-2=7", "7*7=49"), "49"
"""The problem of all drawings."""


def loop() -> Sketch:
    """Words fed back, and vectors fed back."""
    s = Sketch(
        "The latent loop",
        "A model that writes a word reads it back. A model that thinks in latents reads back the vector itself.",
        454,
    )
    s.say(16, 30, "Thinking in words", look="name")
    s.box(16, 46, 92, 56, "language", "model")
    s.arrow("M108 74 H128")
    s.box(132, 46, 104, 56, "scores of", "all words")
    s.arrow("M236 74 H260")
    s.chip(264, 60, "7")
    s.say(294, 70, "one word is kept,", "all else is lost", look="soft")
    s.arrow("M274 90 V122 H62 V105")
    s.say(168, 141, "reads its own word", anchor="middle")
    s.rule(160)
    s.say(16, 190, "Thinking in latents", look="name")
    s.box(16, 206, 92, 56, "language", "model")
    s.arrow("M108 234 H244", "back")
    s.thought(250, 220)
    s.say(310, 230, "a vector,", "all of it kept", look="soft")
    s.arrow("M274 250 V282 H62 V265", "back")
    s.say(168, 301, "reads its own vector", anchor="middle")
    s.rule(320)
    edges = row(s, 28, 352, [QUESTION, "", "", "", ANSWER], gap=18)
    s.say(sum(edges[0]) / 2, 344, "question", anchor="middle", look="soft")
    s.say(sum(edges[2]) / 2, 344, "thoughts", anchor="middle", look="soft")
    s.say(sum(edges[4]) / 2, 344, "answer", anchor="middle", look="soft")
    for (left, right), step, down in zip(edges[1:4], STEPS, (0, 28, 0), strict=True):
        middle = (left + right) / 2
        s.arrow(f"M{middle:g} 380 V{399 + down}", "way")
        s.say(middle, 416 + down, step, look="code", anchor="middle")
    s.say(16, 416, "a decoder can", "read them", look="soft")
    return s


def shapes() -> Sketch:
    """A point, a cloud, a mixture of clouds."""
    s = Sketch(
        "Point, cloud, mixture",
        "A latent may be one exact point, a Gaussian cloud of draws that mean the same, or one of several clouds.",
        400,
    )
    rows = (
        (
            20,
            "A point",
            ("One exact vector. Training never", "saw what lies beside it, so there", "is nothing to try out."),
        ),
        (
            148,
            "A cloud",
            ("A centre and a width. Training", "draws from all of it, so there", "is room to try things out."),
        ),
        (
            276,
            "A mixture",
            ("A cloud for each step that may", "come next. A draw takes one of", "them, nothing in between."),
        ),
    )
    for y, name, lines in rows:
        s.box(16, y, 150, 108, kind="plain")
        s.say(182, y + 22, name, look="name")
        s.say(182, y + 48, *lines)
    s.dots((91, 74))
    s.cloud(91, 202, 60, 42)
    s.dots((91, 202), (66, 190), (112, 222), (118, 186), (80, 226))
    s.cloud(56, 316, 34, 26)
    s.cloud(124, 342, 34, 26)
    s.dots((56, 316), (68, 328), (124, 342), (136, 330))
    s.say(98, 304, "3+4", look="code")
    s.say(48, 362, "9-2", look="code")
    return s


def superposed() -> Sketch:
    """One cloud for two right first steps lies between them."""
    s = Sketch(
        "Superposed thoughts",
        "Two steps may come first. Labels show either; one cloud that has to serve both lies between them, and read as "
        "text it says the same step twice.",
        476,
    )
    s.say(16, 30, "Two first steps are right", look="name")
    s.chip(160, 46, QUESTION)
    s.arrow("M190 76 L110 104")
    s.arrow("M242 76 L322 104")
    s.chip(70, 108, STEPS[0])
    s.chip(290, 108, STEPS[1])
    s.say(98, 156, "half of the labels", anchor="middle", look="soft")
    s.say(318, 156, "half of the labels", anchor="middle", look="soft")
    s.rule(174)
    s.say(16, 204, "One cloud must serve both", look="name")
    s.cloud(220, 252, 120, 34)
    s.dots((220, 252))
    s.say(90, 257, STEPS[0], look="code", anchor="end")
    s.say(350, 257, STEPS[1], look="code")
    s.say(220, 308, "its middle says a bit of each", anchor="middle", look="soft")
    s.rule(326)
    s.say(16, 356, "Read as text", look="name")
    at = row(s, 16, 372, ["", "", ""], gap=102)
    for (_, right), text in zip(at, (STEPS[0], STEPS[0], STEPS[2]), strict=True):
        s.say(right + 8, 391, text, look="code")
    s.mark(30, 428, True)
    s.say(46, 433, "the answer may still be right")
    s.mark(30, 455, False)
    s.say(46, 460, "the chain is not: 9-2 is never done")
    return s


def ages() -> Sketch:
    """Thought, Answered, Decoded: what a trace knows, and who reads it."""
    s = Sketch(
        "The three ages of a trace",
        "A trace is made once. It knows the latents, then the answer, then the steps as text; training, metrics and "
        "pictures read it.",
        452,
    )
    s.box(16, 16, 408, 302, kind="frame")
    s.box(30, 64, 380, 192, kind="frame")
    s.box(44, 112, 352, 84, kind="frame")
    s.say(58, 136, "1  Thought", look="name")
    for i in range(3):
        s.thought(58 + 54 * i, 152, i)
    s.say(228, 171, "and where it ends", look="soft")
    s.say(44, 88, "2  Answered", look="name")
    s.chip(44, 214, ANSWER)
    s.say(84, 233, "and the answer, token by token", look="soft")
    s.say(30, 42, "3  Decoded", look="name")
    x = 30.0
    for step in STEPS:
        x = s.chip(x, 274, step) + 8
    s.say(x + 4, 293, "and each step as text", look="soft")
    s.say(220, 346, "made once, read by all", anchor="middle")
    for x, name, what in ((16, "rewards", "RL"), (158, "metrics", "tables"), (300, "pictures", "pages")):
        s.arrow(f"M{x + 62} 356 V386")
        s.box(x, 390, 124, 48, name, what)
    return s
