"""What a user drops into the studio: ten pictures, among them awkward ones, and a broken file; two LoRA files."""

from pathlib import Path

import numpy as np
import skimage.data
from engine_helpers import QWEN, QWEN_TARGETS, checkpoint, lora_tensors, prefixed, write_lora
from PIL import Image

from pipelines.world import practice_sources

BROKEN = "broken.png"
ROTATED_90 = 6


def sources(folder: Path) -> list[Path]:
    """Six practice pictures, a real photograph, a rotated JPEG, a CMYK JPEG, a 16-bit PNG; then a broken file."""
    folder.mkdir()
    made = practice_sources.sources(1, 256)
    for source in made[:6]:
        source.image.save(folder / source.filename)
    Image.fromarray(skimage.data.astronaut()).save(folder / "photograph.png")
    exif = Image.Exif()
    exif[0x0112] = ROTATED_90
    made[6].image.crop((0, 0, 256, 192)).save(folder / "rotated.jpg", exif=exif)
    made[7].image.convert("CMYK").save(folder / "print.jpg")
    grey = np.asarray(made[8].image.convert("L")).astype(np.uint16) * 257
    Image.fromarray(grey).save(folder / "scan16.png")
    (folder / BROKEN).write_bytes((folder / "photograph.png").read_bytes()[:5000])
    return sorted(folder.iterdir())


def editor_loras(folder: Path) -> list[Path]:
    """Two LoRA files that fit the practice editor."""
    tensors = [prefixed(lora_tensors(checkpoint(QWEN), QWEN_TARGETS, seed=seed)) for seed in (1, 2)]
    paths = [folder / "angles.safetensors", folder / "lightning.safetensors"]
    for path, halves in zip(paths, tensors, strict=True):
        write_lora(path, halves)
    return paths
