"""A training as other trainers take it: its settings in the words of ai-toolkit and of kohya's sd-scripts, and what of
it they have no words for. Pure: paths are handed in."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from pipelines.domain.presets import ModelFamily, TrainingSettings
from pipelines.domain.requests import TrainRequest
from pipelines.models import registry

OPTIMIZERS = {"auto": "adamw8bit", "adamw8bit": "adamw8bit", "adamw": "adamw"}
KOHYA_OPTIMIZERS = {"auto": "AdamW8bit", "adamw8bit": "AdamW8bit", "adamw": "AdamW"}


@dataclass(frozen=True)
class Elsewhere:
    """A training in the words of one trainer. ``files`` are its configuration, by name; ``unmapped`` what it will do
    otherwise, each with why; ``command`` starts it, in its folder."""

    trainer: str
    files: dict[str, dict[str, Any]]
    command: str
    unmapped: tuple[str, ...]


def ai_toolkit(request: TrainRequest, family: ModelFamily, dataset: str) -> Elsewhere:
    """For ai-toolkit (ostris): one YAML. ``dataset`` is the folder of pictures with captions, its ``control`` folder
    holds the inputs of edits."""
    s, arch = request.settings, registry.of(family).trainers.ai_toolkit
    edits = any(item.controls for item in request.items)
    data: dict[str, Any] = {
        "folder_path": dataset,
        "caption_ext": "txt",
        "caption_dropout_rate": s.caption_dropout,
        "shuffle_tokens": False,
        "cache_latents_to_disk": True,
        "resolution": sorted(s.sides),
    } | ({"control_path": f"{dataset}/control"} if edits else {})
    process = {
        "type": "sd_trainer",
        "training_folder": "output",
        "device": "cuda:0",
        "network": {"type": "lora", "linear": s.rank, "linear_alpha": s.alpha},
        "save": {
            "dtype": "bf16",
            "save_every": s.save_every,
            "max_step_saves_to_keep": s.checkpoints_total_limit,
            "push_to_hub": False,
        },
        "datasets": [data],
        "train": _ai_toolkit_train(s),
        "model": {"name_or_path": family.weights.hub or family.name, "arch": arch, "quantize": True},
        "sample": _ai_toolkit_samples(request, family, dataset),
    }
    process |= {"trigger_word": request.trigger} if request.trigger else {}
    config = {"job": "extension", "config": {"name": request.name, "process": [process]}}
    missing = () if arch else (f"the model: ai-toolkit does not train {registry.of(family).title}",)
    told = (*missing, *_unmapped(request, family), *_ai_toolkit_unmapped(s))
    return Elsewhere("ai-toolkit", {"ai-toolkit.yaml": config}, "python run.py ai-toolkit.yaml", told)


def _ai_toolkit_train(s: TrainingSettings) -> dict[str, Any]:
    train: dict[str, Any] = {
        "batch_size": s.batch,
        "steps": s.steps,
        "gradient_accumulation": s.accumulate,
        "train_unet": True,
        "train_text_encoder": False,
        "gradient_checkpointing": s.gradient_checkpointing,
        "noise_scheduler": "flowmatch",
        "timestep_type": "sigmoid",
        "optimizer": OPTIMIZERS[s.optimizer],
        "lr": s.learning_rate,
        "lr_scheduler": s.lr_scheduler,
        "dtype": "bf16",
    }
    if s.warmup and s.lr_scheduler == "constant":
        train |= {"lr_scheduler": "constant_with_warmup", "lr_scheduler_params": {"num_warmup_steps": s.warmup}}
    return train | ({"ema_config": {"use_ema": True, "ema_decay": s.ema}} if s.ema else {})


def _ai_toolkit_samples(request: TrainRequest, family: ModelFamily, dataset: str) -> dict[str, Any]:
    first = next(iter(request.samples), None)
    return {
        "sampler": "flowmatch",
        "sample_every": request.settings.sample_every,
        "width": first.width if first else family.defaults.width,
        "height": first.height if first else family.defaults.height,
        "prompts": [shot.prompt for shot in request.samples if not shot.sources],
        "seed": first.seed if first else request.settings.seed,
        "guidance_scale": first.guidance if first else family.defaults.guidance,
        "sample_steps": first.steps if first else family.defaults.steps,
    }


def _ai_toolkit_unmapped(s: TrainingSettings) -> Iterable[str]:
    yield "seed: ai-toolkit draws its noise otherwise"
    yield "the shift of noise levels by a picture's size: ai-toolkit draws them without it"
    if s.warmup and s.lr_scheduler != "constant":
        yield f"warm-up of {s.warmup} steps before a cosine"


def kohya(request: TrainRequest, family: ModelFamily, dataset: str) -> Elsewhere | None:
    """For kohya's sd-scripts: the configuration and that of its dataset, as TOML; ``None`` where they do not train the
    model (Qwen-Image-Edit, FLUX.2)."""
    s, known = request.settings, registry.of(family).trainers
    if not known.kohya:
        return None
    name = "kohya-config.toml"
    config: dict[str, Any] = {
        "pretrained_model_name_or_path": "flux1-dev.safetensors",
        "clip_l": "clip_l.safetensors",
        "t5xxl": "t5xxl_fp16.safetensors",
        "ae": "ae.safetensors",
        "dataset_config": "kohya-dataset.toml",
        "output_dir": "output",
        "output_name": request.name,
        "save_model_as": "safetensors",
        "save_precision": "bf16",
        "mixed_precision": "bf16",
        "fp8_base": True,
        "sdpa": True,
        "network_module": known.kohya_module,
        "network_dim": s.rank,
        "network_alpha": s.alpha,
        "network_train_unet_only": True,
        "optimizer_type": KOHYA_OPTIMIZERS[s.optimizer],
        "learning_rate": s.learning_rate,
        "lr_scheduler": s.lr_scheduler if s.lr_scheduler != "constant" or not s.warmup else "constant_with_warmup",
        "lr_warmup_steps": s.warmup,
        "max_grad_norm": 1.0,
        "max_train_steps": s.steps,
        "gradient_accumulation_steps": s.accumulate,
        "gradient_checkpointing": s.gradient_checkpointing,
        "save_every_n_steps": s.save_every,
        "save_last_n_steps": s.save_every * s.checkpoints_total_limit,
        "seed": s.seed % 2**32,
        "guidance_scale": 1.0,
        "timestep_sampling": "flux_shift",
        "model_prediction_type": "raw",
        "cache_latents_to_disk": True,
        # captions that are left out now and then cannot come from a cache
        "cache_text_encoder_outputs": s.caption_dropout == 0,
    }
    files = {name: config, "kohya-dataset.toml": _kohya_dataset(s, dataset)}
    told = (*_unmapped(request, family), *_kohya_unmapped(s))
    return Elsewhere("kohya sd-scripts", files, f"accelerate launch {known.kohya} --config_file {name}", told)


def _kohya_dataset(s: TrainingSettings, dataset: str) -> dict[str, Any]:
    """A dataset for each side that pictures are seen at, each seen as often as the others."""
    subset = {
        "image_dir": dataset,
        "caption_extension": ".txt",
        "num_repeats": 1,
        "caption_dropout_rate": s.caption_dropout,
    }
    return {
        "general": {"enable_bucket": True, "bucket_no_upscale": False},
        "datasets": [{"resolution": side, "batch_size": s.batch, "subsets": [subset]} for side in s.sides],
    }


def _kohya_unmapped(s: TrainingSettings) -> Iterable[str]:
    yield "paths of the model's files (flux1-dev, clip_l, t5xxl, ae): say where yours are"
    yield "samples along the way: sd-scripts takes their prompts from a file of its own (--sample_prompts)"
    if s.ema:
        yield f"the moving average of the weights (decay {s.ema:g})"


def _unmapped(request: TrainRequest, family: ModelFamily) -> Iterable[str]:
    """What no other trainer has words for."""
    s = request.settings
    if not family.weights.hub:
        yield f"the model: {family.title} comes with FLENwheel and no other trainer knows it; name yours"
    if len({item.weight for item in request.items}) > 1 or s.source_share:
        yield "weights of pictures: there every picture counts alike, here every angle with every expression"
    if s.face_weight:
        yield f"the face's weight in the loss ({s.face_weight:g})"
    if any(phase.focus != "all" for phase in s.phases):
        yield f"phases ({', '.join(phase.name for phase in s.phases)}): there all pictures are seen from the first step"
    yield "the 4-bit (NF4) base: there it is held in 8 bits"
    layers = ", ".join(family.lora_targets[:4])
    yield f"which layers are trained: here {layers} and so on, there the trainer's own choice"
