"""The skeleton of every page, and the words of the report, which fills in the places marked with a dollar sign."""

from __future__ import annotations

import html
import os
from pathlib import Path
from string import Template

from plotly.offline import get_plotlyjs

STYLE = """
:root { color-scheme: light dark; --ink: #1c2126; --soft: #566069; --page: #ffffff; --line: #d7dce1;
  --card: #f5f7f9; --link: #0072b2; }
@media (prefers-color-scheme: dark) { :root { --ink: #e6e9ec; --soft: #a5afb8; --page: #14181c;
  --line: #39424b; --card: #1d2328; --link: #56b4e9; } }
* { box-sizing: border-box; }
body { margin: 0; background: var(--page); color: var(--ink);
  font: 16px/1.55 system-ui, -apple-system, "Segoe UI", Roboto, "Liberation Sans", sans-serif; }
main { max-width: 1040px; margin: 0 auto; padding: 24px 24px 64px; }
p, ul { max-width: 46em; }
h1 { font-size: 1.9em; line-height: 1.2; margin: .6em 0 .3em; }
h2 { font-size: 1.35em; margin: 2.2em 0 .4em; padding-top: .7em; border-top: 1px solid var(--line); }
h3 { font-size: 1.05em; margin: 0; }
a { color: var(--link); }
dfn { font-style: normal; font-weight: 600; }
nav { color: var(--soft); }
.lead { font-size: 1.1em; }
.scroll { overflow-x: auto; margin: 1em 0; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; }
th, td { text-align: left; padding: .35em .9em .35em 0; border-bottom: 1px solid var(--line);
  vertical-align: top; }
td { white-space: pre-line; }
thead th { color: var(--soft); font-weight: 600; vertical-align: bottom; }
tbody th { font-weight: 600; white-space: nowrap; }
figure { margin: 1.4em 0; padding: 14px 14px 12px; border: 1px solid var(--line); border-radius: 8px;
  background: var(--card); }
figcaption { color: var(--soft); font-size: .92em; max-width: 60em; margin-top: .3em; }
.question { font: 1.15em/1.4 ui-monospace, "Liberation Mono", monospace; overflow-wrap: anywhere; }
.note { color: var(--soft); }
.js-plotly-plot .main-svg text:not(.hoverlayer text) { fill: var(--ink) !important; }
"""

PAGE = Template("""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; script-src 'unsafe-inline';
 style-src 'unsafe-inline'; img-src data: blob:; font-src data:">
<title>$title</title>
<style>$style</style>
<script>$plotly</script>
</head>
<body>
<main>
<h1>$title</h1>
$body
</main>
</body>
</html>
""")


def write_page(path: str | os.PathLike[str], title: str, body: str, style: str = "") -> Path:
    """Write one self-contained page, plotly.js inside, whole or not at all; returns its path.

    title: plain text. body: HTML whose text is escaped. style: rules beside those of all pages.
    """
    text = PAGE.substitute(title=html.escape(title), style=STYLE + style, plotly=get_plotlyjs(), body=body)
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    fresh = path.with_name(f".{path.name}.new")
    fresh.write_text(text, encoding="utf-8")
    fresh.replace(path)
    return path


LEAD = """
<p class="lead">A small language model learned arithmetic on this computer: first to write down each step,
then to take the same steps silently. This page shows how well it does, how it learned, and what its silent
steps say.</p>
<p>A model that writes its steps before the answer, such as <code>3+4=7; 9-2=7; 7*7=49</code>, uses a
<dfn>chain of thought</dfn>. A <dfn>latent</dfn> takes the place of such a step: a list of numbers that the
model produces and reads back, without turning it into words. A second small network, the
<dfn>decoder</dfn>, is trained to read each latent back as text, so that we can look inside. The method
is called Active Latent Planning, ATP-Latent for short.</p>
"""

ACCURACY = """
<p>Every model answers the same test problems, which none of them has seen, <dfn>greedily</dfn>: nothing is
drawn at random. Below each share stands its 95 % interval: if all problems of this kind were asked, the share
would most likely lie in there. Where two intervals overlap, the difference may be chance.
<dfn>Coherence</dfn> is the share of steps whose result is used in a later step or is the answer;
<dfn>valid steps</dfn> are those whose left side equals their right side. A <dfn>token</dfn> is one number or
sign that is written.</p>
<ul><li><strong>CoT</strong> writes its steps in words.</li>
<li><strong>ATP-Latent SFT</strong> learned to think in latents by <dfn>supervised fine-tuning</dfn> (SFT): it imitated
written chains.</li>
<li><strong>ATP-Latent RL</strong> then practised by <dfn>reinforcement learning</dfn> (RL): it was rewarded for what
worked.</li></ul>
"""

SFT = """
<p>Training lowers four numbers, the <dfn>losses</dfn>. The <em>language</em> loss says how surprised the
model is by the words it should write; the <em>decoder</em> loss, how badly a latent can be read as its
step; the <em>stop</em> loss, how badly the model knows when it has thought enough. The fourth is the
<dfn>KL divergence</dfn>: how far the distribution of a latent is from a plain bell curve. It keeps the
latents spread out and smooth, so that there is something to explore later. The unit is the <dfn>nat</dfn>:
a coin toss is a surprise of 0.7 nats.</p>
<p>The <dfn>curriculum</dfn> takes the words away step by step: in stage 1 the first step becomes latent, in
stage 2 the first two, until all are. Accuracy may drop when a stage begins, since the model has lost words
it relied on.</p>
"""

RL = """
<p>Now nobody shows the steps. The model tries each question several times, with a little noise in its
latents, and every try gets a <dfn>reward</dfn>: for a right answer, for coherent steps, for a well-formed
answer. In <dfn>GRPO</dfn> (group-relative policy optimisation) the tries of one question form a group, and
the model moves towards the tries that were better than their group's average.</p>
<p class="note">Whether the reward did it is not shown by these curves alone. That takes controls from the
same start: as much more supervised training, and a reward that carries no information.</p>
"""

EXAMPLE = """
<p>Each row is one silent step: what the decoder reads in it and how sure it is of that text, how likely the
model is to stop thinking there, and <dfn>sigma</dfn>, the width of the latent's distribution. The last two
columns check the step: whether its arithmetic is right, and who uses its result.</p>
"""

LATENTS = """
<p>A latent has too many numbers to draw. <dfn>Principal component analysis</dfn> (PCA) looks for the few
directions along which the latents differ most. A picture made so always shows something, which is why the
caption says what share of the differences it holds and what random directions would hold.</p>
"""

LIMITS = """
<p>This was one run with one seed, on made-up arithmetic, with a very small model. The intervals are over
test problems; another seed may give another result. The decoder was trained to read steps in the latents;
that it reads one there does not prove that the model uses it.</p>
"""
