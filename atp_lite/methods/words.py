"""Rivals without latents: the language itself is all there is.

- CoT-SFT imitates the chain and the answer, in words (Wei et al. 2022 prompt it; here it is trained).
      L = -log p(s_1 .. s_n a | q)
- No-CoT-SFT answers at once.
      L = -log p(a | q)
- iCoT (Deng et al. 2024, arXiv 2405.14838) begins with the chain in words and drops its steps from the front, one more
  at each stage, so that the hidden states must take over what is no longer said.
      L_k = -log p(s_{k+1} .. s_n a | q)

Simplified: iCoT drops single tokens at a constant pace and smooths where it cuts; here whole steps leave, at the stages
of the curriculum. It resets the optimizer at every cut; here that is a setting (`SFTSettings.reset_optimizer`).
"""

from __future__ import annotations

from atp_lite.methods.method import Method, imitate

COT = Method("cot", imitate, decoder=None, stages="words")
NO_COT = Method("no-cot", imitate, layout="dropped", stages="single")
ICOT = Method("icot", imitate, layout="dropped")
