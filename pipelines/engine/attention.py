"""Which of torch's kernels for attention a card is trusted with."""

import torch


def sound() -> None:
    """Leave cuDNN's out, torch's first choice on Hopper cards: for some lengths of the sequence its gradients are not
    numbers (pytorch issue 196678, NVIDIA/cudnn-frontend issue 160; torch 2.11 to 2.13). A FLUX of 112 tokens was lost
    to it within fifty steps on an H200. The flash and memory-efficient kernels remain; other cards use these anyway.
    """
    torch.backends.cuda.enable_cudnn_sdp(False)
