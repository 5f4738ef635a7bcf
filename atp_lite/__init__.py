"""Active Latent Planning (arXiv 2601.21598), small enough to read: a model that reasons in latent vectors,
trained first as a conditional VAE and then by reinforcement learning."""

__version__ = "0.1.0"
