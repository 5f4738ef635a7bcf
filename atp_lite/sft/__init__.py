"""Stage 1: supervised fine-tuning as a conditional VAE, along a curriculum from words to latents."""

from atp_lite.sft.curriculum import BatchPlan, Curriculum
from atp_lite.sft.loop import train_sft
from atp_lite.sft.nearest import nearest_chains, nearest_loss
from atp_lite.sft.settings import SFTSettings
