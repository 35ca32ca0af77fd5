"""The LoRA being learned: put on the resident transformer, read, restored, and taken off again without a trace."""

import warnings
from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import torch
from diffusers.training_utils import cast_training_params
from diffusers.utils.peft_utils import set_weights_and_activate_adapters
from peft import LoraConfig
from torch import Tensor
from torch.nn import Linear

from pipelines.models.lora_export import folded

NAME = "learning"
"""The adapter's name inside the transformer. PEFT refuses names such as "train" and "keys"."""


class LearnedAdapter:
    """A LoRA of fp32 weights on a frozen, quantized transformer.

    Tensors are named as in diffusers, without a prefix: ``transformer_blocks.0.attn.to_q.lora_A.weight``.
    """

    def __init__(self, transformer: Any, rank: int, alpha: float):
        self.transformer, self.rank, self.alpha = transformer, rank, alpha
        mark = f".{NAME}.weight"
        named = ((n, p) for n, p in transformer.named_parameters() if n.endswith(mark))
        self.parameters: dict[str, torch.nn.Parameter] = {
            n.removesuffix(mark) + ".weight": p for n, p in sorted(named, key=lambda pair: pair[0])
        }
        self.average: dict[str, Tensor] | None = None

    @property
    def modules(self) -> int:
        """How many layers carry the LoRA."""
        return len(self.parameters) // 2

    def tensors(self) -> dict[str, Tensor]:
        """A copy of the weights, float32, on the CPU."""
        return {name: p.detach().to("cpu", torch.float32, copy=True) for name, p in self.parameters.items()}

    def learned(self) -> dict[str, Tensor]:
        """What has been learnt so far: the moving average of the weights where one is kept, else the weights."""
        return self.tensors() if self.average is None else {name: t.clone() for name, t in self.average.items()}

    def follow(self, decay: float, step: int) -> None:
        """Move the average after ``step`` (from 0) toward the weights; no ``decay``: none is kept. While few steps are
        done the decay is less, (1 + n) / (10 + n), or the average would be of what was there before."""
        if not decay:
            return
        now = self.tensors()
        if self.average is None:
            self.average = now
            return
        share = 1 - min(decay, (1 + step) / (10 + step))
        for name, tensor in self.average.items():
            tensor.lerp_(now[name], share)

    def load(self, tensors: Mapping[str, Tensor], average: Mapping[str, Tensor] | None = None) -> None:
        """Set the weights, and their average where one is kept. Raises ValueError when names or shapes are not this
        adapter's."""
        if {n: t.shape for n, t in tensors.items()} != {n: p.shape for n, p in self.parameters.items()}:
            raise ValueError("The checkpoint is of another LoRA: its layers or its rank differ.")
        with torch.no_grad():
            for name, parameter in self.parameters.items():
                parameter.copy_(tensors[name])
        self.average = dict(average) if average is not None else None

    def exported(self) -> dict[str, Tensor]:
        """The weights as they go into a file: bfloat16, with ``alpha / rank`` folded into B."""
        bits = folded({name: t.numpy() for name, t in self.learned().items()}, self.rank, self.alpha)
        return {name: torch.from_numpy(b).view(torch.bfloat16) for name, b in bits.items()}

    @contextmanager
    def as_exported(self) -> Iterator[None]:
        """The transformer computes with exactly what ``exported`` writes, in its own precision, as with a loaded file;
        the training weights return afterwards.

        Pictures made inside are what the file will give, bit for bit.
        """
        kept = {name: p.data for name, p in self.parameters.items()}
        for name, tensor in self.exported().items():
            self.parameters[name].data = tensor.to(kept[name].device, self.transformer.dtype)
        self._scale(1.0)
        self.transformer.eval()
        try:
            with torch.no_grad():
                yield
        finally:
            for name, parameter in self.parameters.items():
                parameter.data = kept[name]
            self._scale(self.alpha / self.rank)
            self.transformer.train()

    def join(self, others: Mapping[str, float]) -> None:
        """Be active together with other adapters that are in the transformer: their names and weights."""
        set_weights_and_activate_adapters(self.transformer, [*others, NAME], [*others.values(), 1.0])

    def alone(self) -> None:
        """Be the only one again that is active, as training wants it."""
        self.transformer.enable_adapters()
        self.transformer.set_adapter(NAME)

    def _scale(self, value: float) -> None:
        for module in self.transformer.modules():
            if NAME in getattr(module, "scaling", {}):
                module.scaling[NAME] = value


def targeted(transformer: torch.nn.Module, targets: Collection[str]) -> list[str]:
    """The linear layers within blocks that ``targets`` name by the ends of their names. Outside the blocks there are
    others of the same names, ``proj_out`` of FLUX.1, which are not meant. Raises ValueError when there are none."""
    names = (name.removesuffix(".base_layer") for name, m in transformer.named_modules() if isinstance(m, Linear))
    whole = set(targets)
    found = [n for n in names if "blocks." in n and (n in whole or any(n.endswith(f".{t}") for t in targets))]
    if not found:
        raise ValueError(f"The transformer has no layers called {', '.join(targets)}.")
    return found


def modules_of(tensors: Iterable[str]) -> set[str]:
    """The layers that weights of a LoRA are for, by the weights' names."""
    return {name.rpartition(".lora_")[0] for name in tensors}


@contextmanager
def attached(
    transformer: Any, targets: Collection[str], rank: int, alpha: float, seed: int, checkpointing: bool
) -> Iterator[LearnedAdapter]:
    """A fresh LoRA on ``targets`` of ``transformer``, A gaussian from ``seed``, B zero; removed on leaving.

    ``prepare_model_for_kbit_training`` is left out on purpose: it would turn the transformer's dtype to float32.
    """
    transformer.requires_grad_(False)
    modules = targeted(transformer, targets)
    config = LoraConfig(r=rank, lora_alpha=alpha, init_lora_weights="gaussian", target_modules=modules)  # type: ignore[arg-type]
    try:
        with torch.random.fork_rng():
            torch.manual_seed(seed)
            with warnings.catch_warnings():  # "multiple adapters in the model": those kept for rendering are meant
                warnings.simplefilter("ignore", UserWarning)
                transformer.add_adapter(config, adapter_name=NAME)
        # adapters kept for rendering may have been switched off: that switch is one for all adapters of a layer
        transformer.enable_adapters()
        transformer.set_adapter(NAME)
        cast_training_params([transformer], dtype=torch.float32)
        if checkpointing:
            transformer.enable_gradient_checkpointing()
        transformer.train()
        yield LearnedAdapter(transformer, rank, alpha)
    finally:
        transformer.eval()
        transformer.disable_gradient_checkpointing()
        if NAME in getattr(transformer, "peft_config", {}):
            with warnings.catch_warnings():  # "setting active adapter to a0": undone below
                warnings.simplefilter("ignore", UserWarning)
                transformer.delete_adapters(NAME)
        if getattr(transformer, "peft_config", {}):
            # peft activates the next adapter in place of a deleted one; those kept for rendering are off between shots
            transformer.disable_adapters()
        transformer.requires_grad_(False)
