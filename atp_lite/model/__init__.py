"""The model: a causal LM with a latent head, a stop head and a step decoder, and the trace of what it thought."""

from atp_lite.model.decoders import DECODERS, Decoder, StepDecoder
from atp_lite.model.distributions import (
    Distribution,
    Gaussian,
    Mixture,
    Point,
    gaussian_log_prob,
    kl_divergence,
    reparameterise,
)
from atp_lite.model.generation import Context, generate, read, to_logits
from atp_lite.model.heads import LATENT_HEADS, LatentHead, StopHead, stop_log_prob
from atp_lite.model.losses import Losses, kl_loss, language_loss, next_token_loss, sft_losses, stop_loss, total_loss
from atp_lite.model.noise import RowNoise
from atp_lite.model.reasoner import LatentReasoner, ReasonerConfig
from atp_lite.model.replay import Replay
from atp_lite.model.step_encoder import STEP_ENCODERS, StepEncoder
from atp_lite.model.trace import Answered, Decoded, Thought, Trace, is_last
