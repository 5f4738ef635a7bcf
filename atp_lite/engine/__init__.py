"""Running: checkpoints, several processes, sharding, LoRA, memory. The equations know nothing of it."""
