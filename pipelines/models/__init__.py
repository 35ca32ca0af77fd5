"""What belongs to an architecture, and LoRA files in the conventions of their architectures."""
