"""Coconut: the last hidden state is fed back as the next input, nothing else is changed.

Hao et al. 2024, arXiv 2412.06769.

    l_t = h_t;    L_k = -log p(s_{k+1} .. s_n a | q, l_1 .. l_ck)   at stage k of the curriculum

The number of latents is the same for every question, c * K at test time. Simplified: the optimizer is kept at a new
stage (the paper resets it, `SFTSettings.reset_optimizer`), and stages are counted in steps, not in epochs.
"""

from __future__ import annotations

from atp_lite.methods.method import Method, imitate

COCONUT = Method("coconut", imitate, latent_head="hidden", layout="fixed")
