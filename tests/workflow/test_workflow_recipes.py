"""Settings of a picture are put into a tab again, ours and other programs'; what cannot be set is named in words."""

import json
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from PIL import ExifTags, Image, PngImagePlugin

from pipelines.domain import recipes as domain
from pipelines.domain.records import LoraRecord
from pipelines.domain.shots import Adapter, LoraStack, Purpose, Shot
from pipelines.session import Session
from pipelines.storage import pictures
from pipelines.workflow import characters, recipes
from pipelines.workflow.characters import NotAllowed
from pipelines.workflow.opening import open_session

A1111 = """masterpiece, <b>a cat</b> (red:1.2) <lora:style_x:0.8> on a roof
Negative prompt: blurry, bad hands
Steps: 28, Sampler: DPM++ 2M Karras, CFG scale: 6.5, Seed: 1234567, Size: 640x832, Model hash: abc, Model: dream, \
Lora hashes: "style_x: 0123456789ab", Version: v1.9"""
GRAPH = {
    "1": {"class_type": "CheckpointLoaderSimple", "inputs": {"ckpt_name": "flux.safetensors"}},
    "2": {"class_type": "LoraLoader", "inputs": {
        "lora_name": "sub\\ada.safetensors", "strength_model": 0.7, "model": ["1", 0]}},
    "3": {"class_type": "CLIPTextEncode", "inputs": {"text": "a cat on a roof", "clip": ["1", 1]}},
    "4": {"class_type": "CLIPTextEncode", "inputs": {"text": "blurry", "clip": ["1", 1]}},
    "5": {"class_type": "EmptyLatentImage", "inputs": {"width": 512, "height": 768}},
    "6": {"class_type": "KSampler", "inputs": {
        "seed": 99, "steps": 12, "cfg": 3.5, "sampler_name": "euler", "model": ["2", 0],
        "positive": ["3", 0], "negative": ["4", 0], "latent_image": ["5", 0]}},
}  # fmt: skip


@pytest.fixture
def session(workspace_root: Path) -> Iterator[Session]:
    with open_session(workspace_root) as opened:
        characters.create(opened, "Ada", may_use=True)
        yield opened


def png(path: Path, **texts: str) -> Path:
    told = PngImagePlugin.PngInfo()
    for name, text in texts.items():
        told.add_itxt(name, text)
    Image.new("RGB", (8, 8), (9, 9, 9)).save(path, "PNG", pnginfo=told)
    return path


@pytest.mark.parametrize(
    ("text", "weight", "unused"),
    [
        ("<lora:a:0.8>", 0.8, ""),
        ("<lora:a:0.8:0.8>", 0.8, ""),
        ("<lora:a:0.8:0.7>", 0.7, "text encoder 0.8"),  # A1111: the text encoder's, then the model's
        ("<lora:a:1:unet=0>", 0.0, "text encoder 1"),
        ("<lora:a:te=0.5:unet=0.7>", 0.7, "text encoder 0.5"),
        ("<lora:a:unet=0.7>", 0.7, "text encoder 1"),
        ("<lora:a:0.3:te=0.5>", 0.5, ""),
        ("<lora: a : 0.8 >", 0.8, ""),
        ("<lora:a>", 1.0, ""),
        ("<lora:a:0.8:lbw=MIDD:stop=12>", 0.8, "lbw=MIDD, stop=12"),
        ("<lora:a:0.8:dyn=4>", 0.8, "dyn=4"),
        ("<lora:a:0.5:0.7:4>", 0.7, "text encoder 0.5, 4"),
    ],
)
def test_of_two_weights_the_models_counts_and_what_has_no_place_is_told(text: str, weight: float, unused: str) -> None:
    assert list(domain.loras_in(text)) == [domain.UsedLora(name="a", weight=weight, unused=unused)]


def test_a_graphs_weight_of_the_text_encoder_is_told(tmp_path: Path) -> None:
    graph = json.loads(json.dumps(GRAPH))
    graph["2"]["inputs"]["strength_clip"] = 0.2
    (found,) = recipes.of_file(png(tmp_path / "a.png", prompt=json.dumps(graph))).loras
    assert (found.weight, found.unused) == (0.7, "text encoder 0.2")


def test_what_is_no_weight_is_not_read_as_one() -> None:
    assert not list(domain.loras_in("<lora:a:much> <lora::1> <lora:a:unet=> <lora:a:1"))


FLUX_GRAPH: dict[str, dict[str, Any]] = {
    "5": {"class_type": "EmptySD3LatentImage", "inputs": {"width": 832, "height": 1216, "batch_size": 1}},
    "6": {"class_type": "CLIPTextEncode", "inputs": {"text": "ohwx, on a roof", "clip": ["11", 0]}},
    "8": {"class_type": "VAEDecode", "inputs": {"samples": ["13", 0], "vae": ["10", 0]}},
    "12": {"class_type": "UNETLoader", "inputs": {"unet_name": "flux1-dev.safetensors", "weight_dtype": "default"}},
    "13": {
        "class_type": "SamplerCustomAdvanced",
        "inputs": {
            "noise": ["25", 0], "guider": ["22", 0], "sampler": ["16", 0], "sigmas": ["17", 0],
            "latent_image": ["5", 0],
        },
    },
    "16": {"class_type": "KSamplerSelect", "inputs": {"sampler_name": "euler"}},
    "17": {"class_type": "BasicScheduler",
           "inputs": {"scheduler": "simple", "steps": 24, "denoise": 1, "model": ["30", 0]}},
    "22": {"class_type": "BasicGuider", "inputs": {"model": ["30", 0], "conditioning": ["26", 0]}},
    "25": {"class_type": "RandomNoise", "inputs": {"noise_seed": 7654321}},
    "26": {"class_type": "FluxGuidance", "inputs": {"guidance": 2.5, "conditioning": ["6", 0]}},
    "30": {
        "class_type": "Power Lora Loader (rgthree)",
        "inputs": {
            "lora_1": {"on": True, "lora": "people\\\\ada.safetensors", "strength": 0.9},
            "lora_2": {"on": False, "lora": "grain.safetensors", "strength": 1},
            "model": ["12", 0], "clip": ["11", 0],
        },
    },
    "40": {"class_type": "LoRA Stacker", "inputs": {"lora_count": 3}},
}  # fmt: skip
"""As ComfyUI's own example for FLUX.1 dev lays its nodes out, with the list of LoRAs that most people add."""


def test_the_graph_that_flux_is_drawn_with_is_read(tmp_path: Path) -> None:
    found = recipes.of_file(png(tmp_path / "f.png", prompt=json.dumps(FLUX_GRAPH)))
    assert (found.prompt, found.negative_prompt, found.model) == ("ohwx, on a roof", "", "flux1-dev.safetensors")
    assert (found.seed, found.steps, found.guidance, found.width, found.height) == (7654321, 24, 2.5, 832, 1216)
    assert found.loras == (domain.UsedLora(name="ada", weight=0.9),)
    assert found.others == ("sampler_name: euler", "scheduler: simple", "LoRAs of the node LoRA Stacker")


def test_a_graph_whose_settings_come_from_other_nodes_is_read(tmp_path: Path) -> None:
    graph = json.loads(json.dumps(FLUX_GRAPH))
    graph["22"] = {"class_type": "CFGGuider", "inputs": {"model": ["12", 0], "positive": ["6", 0],
                   "negative": ["7", 0], "cfg": 3.0}}  # fmt: skip
    graph["7"] = {"class_type": "CLIPTextEncode", "inputs": {"text": "blurry", "clip": ["11", 0]}}
    graph["25"]["inputs"]["noise_seed"] = ["50", 0]
    graph["50"] = {"class_type": "PrimitiveInt", "inputs": {"value": 11}}
    graph["6"]["inputs"] = {"clip": ["11", 0], "text": ["51", 0]}
    graph["51"] = {"class_type": "PrimitiveStringMultiline", "inputs": {"value": "ohwx, in a wood"}}
    found = recipes.of_file(png(tmp_path / "g.png", prompt=json.dumps(graph)))
    assert (found.prompt, found.negative_prompt, found.guidance, found.seed) == ("ohwx, in a wood", "blurry", 3.0, 11)


def test_a_parameters_text_is_read(tmp_path: Path) -> None:
    found = recipes.of_file(png(tmp_path / "a.png", parameters=A1111))
    assert (
        found.prompt == "masterpiece, <b>a cat</b> (red:1.2) on a roof" and found.negative_prompt == "blurry, bad hands"
    )
    assert (found.steps, found.guidance, found.seed, found.width, found.height) == (28, 6.5, 1234567, 640, 832)
    assert found.loras == (domain.UsedLora(name="style_x", weight=0.8, sha256="0123456789ab"),)
    assert found.model == "dream" and found.others == ("Sampler: DPM++ 2M Karras",)


def test_a_graph_is_read_from_its_sampler_back(tmp_path: Path) -> None:
    found = recipes.of_file(png(tmp_path / "c.png", prompt=json.dumps(GRAPH)))
    assert (found.prompt, found.negative_prompt, found.seed, found.steps, found.guidance) == (
        "a cat on a roof", "blurry", 99, 12, 3.5,
    )  # fmt: skip
    assert (found.width, found.height, found.model) == (512, 768, "flux.safetensors")
    assert found.loras == (domain.UsedLora(name="ada", weight=0.7),)


FORGE = """ohwx on a roof
Steps: 20, Sampler: Euler, Schedule type: Simple, CFG scale: 1, Distilled CFG Scale: 3.5, Seed: 7, Size: 832x1216, \
Model: flux1-dev, Version: f2.0"""
SWARM = {
    "sui_image_params": {
        "prompt": "ohwx on a roof", "model": "Flux/flux1-dev-fp8", "seed": 305223794, "steps": 25, "cfgscale": 1.0,
        "fluxguidancescale": 2.5, "aspectratio": "1:1", "width": 1024, "height": 768, "sampler": "euler",
        "scheduler": "simple", "negativeprompt": "", "loras": ["people/ada", "grain"], "loraweights": ["0.9", "1"],
    },
    "sui_extra_data": {"date": "2025-08-07"},
}  # fmt: skip
INVOKE = {
    "generation_mode": "flux_txt2img", "positive_prompt": "ohwx on a roof", "width": 1360, "height": 768, "seed": 3,
    "steps": 30, "guidance": 4, "cfg_scale": 1, "scheduler": "euler", "model": {"name": "FLUX Dev", "base": "flux"},
    "loras": [
        {"model": {"key": "k", "hash": "blake3:aa", "name": "ada", "base": "flux", "type": "lora"}, "weight": 0.75},
        {"lora": {"model_name": "old", "base_model": "flux"}},
    ],
}  # fmt: skip


def test_the_guidance_of_flux_is_the_distilled_one(tmp_path: Path) -> None:
    """Forge writes both; the other is 1, unless somebody made it work beside, which has no place here."""
    found = recipes.of_file(png(tmp_path / "f.png", parameters=FORGE))
    assert found.guidance == 3.5 and found.others == ("Sampler: Euler", "Schedule type: Simple")
    both = recipes.of_file(png(tmp_path / "b.png", parameters=FORGE.replace("CFG scale: 1,", "CFG scale: 2,")))
    assert both.guidance == 3.5 and both.others[0] == "CFG scale: 2"
    graph = json.loads(json.dumps(GRAPH)) | {
        "7": {"class_type": "FluxGuidance", "inputs": {"guidance": 4, "conditioning": ["3", 0]}}
    }
    graph["6"]["inputs"]["positive"] = ["7", 0]
    comfy = recipes.of_file(png(tmp_path / "c.png", prompt=json.dumps(graph)))
    assert comfy.guidance == 4 and "CFG scale: 3.5" in comfy.others


def test_a_sampler_of_somebody_elses_is_known_by_its_inputs(tmp_path: Path) -> None:
    graph = json.loads(json.dumps(GRAPH))
    graph["6"]["class_type"] = "KSampler (Efficient)"
    found = recipes.of_file(png(tmp_path / "e.png", prompt=json.dumps(graph)))
    assert found == recipes.of_file(png(tmp_path / "c.png", prompt=json.dumps(GRAPH)))


def test_a_prompt_that_is_zeroed_out_is_none(tmp_path: Path) -> None:
    """As ComfyUI's own templates for FLUX Kontext and Qwen-Image-Edit make the negative prompt, of the positive one."""
    graph = json.loads(json.dumps(GRAPH))
    graph["4"] = {"class_type": "ConditioningZeroOut", "inputs": {"conditioning": ["3", 0]}}
    found = recipes.of_file(png(tmp_path / "z.png", prompt=json.dumps(graph)))
    assert (found.prompt, found.negative_prompt) == ("a cat on a roof", "")


def test_a_picture_of_swarmui_is_read(tmp_path: Path) -> None:
    found = recipes.of_file(png(tmp_path / "s.png", parameters=json.dumps(SWARM)))
    assert (found.made_by, found.prompt, found.model) == ("SwarmUI", "ohwx on a roof", "Flux/flux1-dev-fp8")
    assert (found.seed, found.steps, found.guidance, found.width, found.height) == (305223794, 25, 2.5, 1024, 768)
    assert found.loras == (domain.UsedLora(name="ada", weight=0.9), domain.UsedLora(name="grain"))
    assert found.others == ("sampler: euler", "scheduler: simple")
    told = SWARM["sui_image_params"]
    bare = {k: v for k, v in told.items() if k != "fluxguidancescale"} | {"loras": "people/ada", "loraweights": "x"}
    found = recipes.of_file(png(tmp_path / "t.png", parameters=json.dumps({"sui_image_params": bare})))
    assert found.guidance is None, "FLUX's own was left as it is"
    assert found.loras == (domain.UsedLora(name="ada"),)


def test_a_picture_of_invokeai_is_read(tmp_path: Path) -> None:
    found = recipes.of_file(png(tmp_path / "i.png", invokeai_metadata=json.dumps(INVOKE)))
    assert (found.made_by, found.prompt, found.model) == ("InvokeAI", "ohwx on a roof", "FLUX Dev")
    assert (found.seed, found.steps, found.guidance, found.width, found.height) == (3, 30, 4, 1360, 768)
    assert found.loras == (domain.UsedLora(name="ada", weight=0.75), domain.UsedLora(name="old"))
    assert found.others == ("scheduler: euler",)


def commented(path: Path, comment: bytes, **fields: str) -> Path:
    """A JPEG or WebP with an EXIF comment, and with fields of the first directory (``Make``, ``Model``)."""
    exif = Image.Exif()
    if comment:
        exif.get_ifd(ExifTags.IFD.Exif)[ExifTags.Base.UserComment] = comment
    for name, text in fields.items():
        exif[ExifTags.Base[name]] = text
    Image.new("RGB", (8, 8), (9, 9, 9)).save(path, exif=exif)
    return path


@pytest.mark.parametrize("suffix", ["jpg", "webp"])
@pytest.mark.parametrize(
    ("code", "encoding"),
    [
        (b"UNICODE\0", "utf-16-be"),  # A1111, by piexif
        (b"UNICODE\0", "utf-16-le"),  # SwarmUI, by ImageSharp
        (b"ASCII\0\0\0", "ascii"),
        (b"\0" * 8, "utf-8"),
    ],
)
def test_a_comment_in_exif_is_read(tmp_path: Path, suffix: str, code: bytes, encoding: str) -> None:
    text = A1111 if encoding == "ascii" else A1111.replace("a cat", "eine Kätzin")
    found = recipes.of_file(commented(tmp_path / f"a.{suffix}", code + text.encode(encoding)))
    assert ("cat" if encoding == "ascii" else "Kätzin") in found.prompt and (found.seed, found.steps) == (1234567, 28)
    swarm = recipes.of_file(commented(tmp_path / f"s.{suffix}", code + json.dumps(SWARM).encode(encoding)))
    assert (swarm.made_by, swarm.seed) == ("SwarmUI", 305223794)


def test_a_graph_in_exif_is_read(tmp_path: Path) -> None:
    found = recipes.of_file(
        commented(tmp_path / "c.webp", b"", Model=f"prompt:{json.dumps(GRAPH)}", Make="workflow:{}")
    )
    assert (found.made_by, found.seed) == ("ComfyUI", 99)


def test_odd_files_and_odd_settings_are_no_error(tmp_path: Path) -> None:
    huge = bytearray(png(tmp_path / "huge.png", parameters=A1111).read_bytes())
    huge[16:24] = (60_000).to_bytes(4, "big") * 2
    huge[29:33] = zlib.crc32(huge[12:29]).to_bytes(4, "big")
    (tmp_path / "huge.png").write_bytes(huge)
    odd = [
        tmp_path / "huge.png",
        commented(tmp_path / "odd.jpg", b"UNICODE\0\xd8"),
        commented(tmp_path / "cut.jpg", b"UNI"),
        png(tmp_path / "s.png", parameters='{"sui_image_params": []}'),
        png(tmp_path / "i.png", invokeai_metadata="[1]"),
    ]
    for path in odd:
        with pytest.raises(NotAllowed, match="nothing to restore"):
            recipes.of_file(path)
    loras = {"loras": [1, {"model": 5}, {"model": {"name": ["x"]}}, {"lora": {"model_name": "a"}, "weight": "much"}]}
    found = recipes.of_file(png(tmp_path / "o.png", invokeai_metadata=json.dumps(INVOKE | loras | {"model": "x"})))
    assert found.loras == (domain.UsedLora(name="a"),) and found.model == ""
    params = {"prompt": 5, "loras": {"a": 1}, "loraweights": [1, 2], "seed": "many", "cfgscale": None}
    found = recipes.of_file(png(tmp_path / "p.png", parameters=json.dumps({"sui_image_params": params})))
    assert (found.prompt, found.loras, found.seed, found.guidance) == ("5", (), None, None)


def test_what_is_no_recipe_is_refused_in_words(tmp_path: Path) -> None:
    loop = {"1": {"class_type": "KSampler", "inputs": {"positive": ["2", 0]}},
            "2": {"class_type": "X", "inputs": {"a": ["2", 0]}}}  # fmt: skip
    assert recipes.of_file(png(tmp_path / "loop.png", prompt=json.dumps(loop))).prompt == ""
    (tmp_path / "no.png").write_bytes(b"GIF89a")
    bad = [png(tmp_path / f"{n}.png", parameters=t) for n, t in enumerate(("", "hello", "Steps: many, x", "\x00"))]
    bad += [png(tmp_path / f"g{n}.png", prompt=t) for n, t in enumerate(("[" * 100_000, "[]", "{}", '{"1": 5}', "x"))]
    for path in [*bad[:2], bad[3], *bad[4:], png(tmp_path / "bare.png"), tmp_path / "no.png"]:
        with pytest.raises(NotAllowed, match="nothing to restore"):
            recipes.of_file(path)
    odd = recipes.of_file(png(tmp_path / "odd.png", parameters="p\nSteps: 1e999, Seed: -5, CFG scale: nan, Size: x"))
    assert (odd.steps, odd.seed, odd.guidance, odd.width) == (None, -5, None, None)


def test_settings_are_restored_and_the_rest_is_named(session: Session, tmp_path: Path) -> None:
    session.store.put(LoraRecord(id="0123456789ab" + "0" * 52, name="a style", path="loras/x", family="flux", rank=4))
    recipe = recipes.of_file(png(tmp_path / "a.png", parameters=A1111))
    found = recipes.settings(session, "ada", recipe)
    assert found.tab == "generate" and found.stack == (("0123456789ab" + "0" * 52, 0.8),)
    assert found.fields["prompts"] == "masterpiece, <b>a cat</b> (red:1.2) on a roof"
    assert (found.fields["steps"], found.fields["guidance"], found.fields["seed"]) == ("28", "6.5", 1234567)
    told = " ".join(found.lost)
    for word in ("dream", "blurry, bad hands", "640 x 832", "DPM++ 2M Karras"):
        assert word in told
    other = recipe.model_copy(update={"seed": -5, "steps": 10**9, "loras": (domain.UsedLora(name="gone"),)})
    found = recipes.settings(session, "ada", other)
    assert (found.fields["steps"], found.fields["seed"]) == ("", 0)
    assert "Steps 1000000000: out of bounds" in " ".join(found.lost) and "'gone'" in " ".join(found.lost)


def test_an_edit_of_ours_comes_back_as_its_edit(session: Session, tmp_path: Path) -> None:
    purpose = Purpose(step="enrich", cell="angle/half-left", labels={"axis": "angle"})
    adapter = Adapter(name="gone", sha256="f" * 64, path="loras/gone.safetensors")
    shot = Shot(family="mini-qwen-edit", revision="1", prompt="turn", seed=4, steps=8, guidance=1.0, width=64,
                height=64, stack=LoraStack(adapters=(adapter,)), purpose=purpose)  # fmt: skip
    path = tmp_path / "ours.png"
    fields = {"character": "ada", "kind": "enriched", "version": "v1", "path": "x.png", "shot": shot}
    pictures.write_png(path, Image.new("RGB", (64, 64)), fields)
    found = recipes.settings(session, "ada", recipes.of_file(path))
    assert found.tab == "enrich" and found.fields["axis/angle"] == ["angle/half-left"]
    assert found.fields["axis/expression"] == [] and found.fields["own"] == ""
    assert any("'gone'" in words for words in found.lost)
    chain = domain.of_shot(shot).model_copy(update={"edits": ("angle/half-left", "expression/sad")})
    assert recipes.settings(session, "ada", chain).fields["chains"] == "angle/half-left > expression/sad"
    own = chain.model_copy(update={"edits": ("own/1",), "prompt": "a hat | a cap"})
    assert recipes.settings(session, "ada", own).fields["own"] == "a hat / a cap"


def test_a_picture_leaves_without_its_recipe_with_the_same_pixels(tmp_path: Path) -> None:
    path = png(tmp_path / "a.png", parameters=A1111, flenwheel="{}")
    bare = pictures.without_texts(path.read_bytes())
    (tmp_path / "b.png").write_bytes(bare)
    assert b"masterpiece" in path.read_bytes() and b"masterpiece" not in bare and b"flenwheel" not in bare
    with Image.open(path) as one, Image.open(tmp_path / "b.png") as two:
        assert one.tobytes() == two.tobytes() and not two.info
    for data in (b"", b"GIF89a", path.read_bytes()[:60]):
        with pytest.raises(ValueError):
            pictures.without_texts(data)
