"""The drawings of the course, `docs/img/idea-*.svg` and `docs/img/map*.svg`: one idea each, all by one hand.

    python -m tools.drawings

`hand.py` is the hand; `thinking.py` draws what a thought is, `learning.py` how one is trained, `course.py` the course.
Each drawing brings its own background, light or dark as the reader's system asks, and is 440 pixels wide, so that it
can be read on a phone. What can be worked out in a drawing (advantages, verdicts) is worked out by the package.
"""
