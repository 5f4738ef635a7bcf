"""Pause tokens: a fixed number of learned fillers between question and answer, time to compute and nothing to say.

Goyal et al. 2023, arXiv 2310.02226.

    l_t = p for t = 1 .. T, one learned vector;    L = -log p(a | q, p .. p)

Simplified: the paper also pretrains with pauses; here they come in at fine-tuning, in a single stage. A filler does not
depend on what came before it, so all T could be read at once; the shared loop reads them one by one.
"""

from __future__ import annotations

from atp_lite.methods.method import Method, imitate

PAUSE = Method("pause", imitate, latent_head="filler", layout="fixed", stages="single")
