"""What Black Forest Labs' own code calls the layers of FLUX, which kohya's, ComfyUI's, ai-toolkit's, OneTrainer's and
XLabs' files are named after; with the names in diffusers that they stand for."""

from collections.abc import Iterator, Mapping

from pipelines.models.base import TRANSFORMER, Place, side_by_side

Spelling = tuple[str, tuple[Place, ...]]
SIDES = (
    ("img", "1", ("to_q", "to_k", "to_v"), "to_out.0", "to_qkv", "ff"),
    ("txt", "2", ("add_q_proj", "add_k_proj", "add_v_proj"), "to_add_out", "to_added_qkv", "ff_context"),
)
"""The two streams of a double block: its name in the original, its number at XLabs, and what diffusers calls its
projections, their output, all three fused, and the feed-forward."""
EMBEDDERS = {"in_layer": "linear_1", "out_layer": "linear_2"}


def one(module: str) -> tuple[Place, ...]:
    """A layer that is one module, whole."""
    return (Place(TRANSFORMER, module),)


def double_block(n: int, width: int, feed_forward: Mapping[str, str]) -> Iterator[Spelling]:
    """Block ``n`` of those that carry text. ``feed_forward``: original name to that in diffusers (``0``: ``net.0``)."""
    own, theirs = f"transformer_blocks.{n}", f"double_blocks.{n}"
    for side, number, projections, out, fused, ff in SIDES:
        names = [f"{own}.attn.{p}" for p in projections]
        together = side_by_side((name, width) for name in names)
        for spelled in (f"{theirs}.{side}_attn.qkv", f"{own}.attn.{fused}", f"{theirs}.processor.qkv_lora{number}"):
            yield spelled, together
        for k, name in enumerate(names):  # OneTrainer's
            yield f"{theirs}.{side}_attn.qkv.{k}", one(name)
        yield f"{theirs}.{side}_attn.proj", one(f"{own}.attn.{out}")
        yield f"{theirs}.processor.proj_lora{number}", one(f"{own}.attn.{out}")
        for original, name in feed_forward.items():
            yield f"{theirs}.{side}_mlp.{original}", one(f"{own}.{ff}.{name}")
    yield f"{own}.attn.to_out", one(f"{own}.attn.to_out.0")


def outer(names: Mapping[str, str]) -> Iterator[Spelling]:
    """Layers outside the blocks; the last modulation has shift and scale the other way round than diffusers."""
    for original, name in names.items():
        yield original, one(name)
    yield "final_layer.adaLN_modulation.1", (Place(TRANSFORMER, "norm_out.linear", swapped=True),)


def embedder(original: str, name: str) -> dict[str, str]:
    """The two layers of an embedder of a number or of pooled text."""
    return {f"{original}.{theirs}": f"{name}.{own}" for theirs, own in EMBEDDERS.items()}
