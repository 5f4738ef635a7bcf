"""A latent head in one file: two Gaussians of equal weight on either side of a mean, as far apart as it says."""

import torch
from torch import Tensor, nn

from atp_lite.model import LATENT_HEADS, Distribution, Mixture


@LATENT_HEADS.register("two-humps")
class TwoHumps(nn.Module):
    """h -> 1/2 N(m + a, sigma^2) + 1/2 N(m - a, sigma^2)."""

    def __init__(self, size: int, sigma: float = 0.5) -> None:
        super().__init__()
        self.middle, self.apart, self.sigma = nn.Linear(size, size), nn.Linear(size, size), sigma

    def forward(self, hidden: Tensor) -> Distribution:
        middle, apart = self.middle(hidden), self.apart(hidden)
        means = torch.stack([middle + apart, middle - apart], dim=-2)  # (..., 2, d)
        logvars = torch.full_like(means, 2 * torch.tensor(self.sigma).log().item())
        return Mixture(means.new_zeros(means.shape[:-1]), means, logvars)
