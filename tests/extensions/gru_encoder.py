"""A step encoder in one file: a GRU reads the step word by word."""

from torch import Tensor, nn

from atp_lite.model import STEP_ENCODERS, StepEncoder


@STEP_ENCODERS.register("gru")
class GRUEncoder(StepEncoder):
    """The state after the last word of a step, of any length."""

    def __init__(self, size: int, latents_per_step: int, scale: float = 1.0, width: int = 64) -> None:
        super().__init__(size, latents_per_step, scale, width)
        self.gru = nn.GRU(size, width, batch_first=True)

    def features(self, words: Tensor, mask: Tensor) -> Tensor:
        states, _ = self.gru(words.flatten(0, 1))  # (B * S, W, width)
        last = mask.sum(-2).long().clamp(min=1).flatten()[:, None, None] - 1  # (B * S, 1, 1)
        return states.gather(1, last.expand(-1, 1, states.shape[-1])).view(*words.shape[:2], -1)  # (B, S, width)
