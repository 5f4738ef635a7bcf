"""Speed as ratios within one process: what thinking in latents costs beside plain transformers code.

    python -m benchmarks.speed            measure and print; about a quarter of an hour
    python -m benchmarks.speed --write    and keep: data/evidence/speed.json, docs/speed.md, docs/img/speed.png
    python -m benchmarks.speed --draw     only the page and its picture, from the numbers that were kept

The two sides of a ratio take turns in every round, so that a busy machine slows both; the median over rounds counts.
Model: LLaMA, hidden size 256, 4 layers, vocabulary 4096; questions of 32 tokens, answers of 16. One thread.
"""
