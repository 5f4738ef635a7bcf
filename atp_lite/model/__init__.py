"""The model: a causal LM with a latent head, a stop head and a step decoder, and the trace of what it thought."""

from atp_lite.model.generation import Context, read, to_logits, write
from atp_lite.model.heads import LATENT_HEADS, LatentHead, StopHead, stop_log_prob
from atp_lite.model.noise import RowNoise
from atp_lite.model.pretrained import BackboneSettings, latent_tokenizer
from atp_lite.model.reasoner import LatentReasoner, Losses, ReasonerConfig, Replay
from atp_lite.model.trace import Trace
from atp_lite.model.vae import StepDecoder, gaussian_log_prob, kl_divergence, reparameterise

__all__ = [
    "LATENT_HEADS",
    "BackboneSettings",
    "Context",
    "LatentHead",
    "LatentReasoner",
    "Losses",
    "ReasonerConfig",
    "Replay",
    "RowNoise",
    "StepDecoder",
    "StopHead",
    "Trace",
    "gaussian_log_prob",
    "kl_divergence",
    "latent_tokenizer",
    "read",
    "reparameterise",
    "stop_log_prob",
    "to_logits",
    "write",
]
