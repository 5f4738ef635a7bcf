"""The laboratory: what makes the evidence, beside the library: comparisons, memory plans, bundled checkpoints."""
