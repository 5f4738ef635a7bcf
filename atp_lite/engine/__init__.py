"""What runs the equations: training runs, several processes, sharding, LoRA, pretrained backbones, memory."""
