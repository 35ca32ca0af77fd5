import json
import pickle
import struct
import zipfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

from pipelines.models.lora_files import LoraAmbiguous, LoraRefused, admit_lora, inspect
from pipelines.storage.atomic import file_hash
from pipelines.storage.workspace import Workspace

FLUX = "transformer.single_transformer_blocks.3.attn.to_q"
QWEN = "diffusion_model.transformer_blocks.7.img_mlp.net.0.proj"
SHARED = "transformer.transformer_blocks.{}.attn.to_q"


def safetensors(tensors: dict[str, tuple[int, ...]], metadata: dict[str, Any] | None = None) -> bytes:
    """A file by the specification, made without the library: F16 zeros of the given shapes; ``.alpha`` holds 8."""
    header: dict[str, Any] = {"__metadata__": metadata} if metadata is not None else {}
    data = b""
    for key, shape in tensors.items():
        count = 1
        for side in shape:
            count *= side
        body = struct.pack("<e", 8.0) if key.endswith(".alpha") else b"\0\0" * count
        header[key] = {"dtype": "F16", "shape": list(shape), "data_offsets": [len(data), len(data) + len(body)]}
        data += body
    text = json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + data


SIZES = {
    "to_q": (3072, 3072), "linear1": (3072, 21504), "img_attn_qkv": (3072, 9216), "qkv_lora1": (3072, 9216),
    "net.0.proj": (3072, 12288), "net_0_proj": (3072, 12288), "net.2": (12288, 3072), "txt_mod.1": (3072, 18432),
    "q_proj": (768, 768),
}  # fmt: skip
"""Inputs and outputs of layers of the published models, by the end of their names."""


def pair(module: str, rank: int = 4, halves: tuple[str, str] = ("lora_A.weight", "lora_B.weight")) -> dict[str, Any]:
    into, out = next((size for end, size in SIZES.items() if module.endswith(end)), (6, 6))
    return {f"{module}.{halves[0]}": (rank, into), f"{module}.{halves[1]}": (out, rank)}


def lora(modules: Iterable[str], metadata: dict[str, Any] | None = None, **options: Any) -> bytes:
    tensors: dict[str, Any] = {}
    for module in modules:
        tensors |= pair(module, **options)
    return safetensors(tensors, metadata)


@pytest.fixture
def look(tmp_path: Path) -> Any:
    def look(data: bytes, name: str = "a.safetensors") -> Any:
        path = tmp_path / name
        path.write_bytes(data)
        return inspect(path)

    return look


@pytest.mark.parametrize(
    ("modules", "family"),
    [
        ([FLUX], "flux"),
        (["lora_unet_single_blocks_0_linear1"], "flux"),
        (["lora_unet_double_blocks_0_img_attn_qkv"], "flux"),
        (["transformer.transformer_blocks.0.ff_context.net.2"], "flux"),
        (["transformer.transformer_blocks.0.ff.net.0.proj"], "flux"),
        ([QWEN], "qwen-image-edit"),
        (["transformer_blocks.0.txt_mod.1"], "qwen-image-edit"),
        (["lora_unet_transformer_blocks_0_img_mlp_net_0_proj"], "qwen-image-edit"),
        ([SHARED.format(59)], "qwen-image-edit"),
        ([SHARED.format(n) for n in range(19)], "flux"),
        ([SHARED.format(n) for n in range(3)], "ambiguous"),
        (["lora_unet_input_blocks_4_1_transformer_blocks_0_attn1_to_q"], "other"),
        (["unet.down_blocks.1.attentions.0.transformer_blocks.0.attn1.to_q"], "other"),
        (["diffusion_model.blocks.0.cross_attn.k"], "other"),
        (["something.else.entirely"], "unknown"),
    ],
)
def test_the_keys_tell_the_family(look: Any, modules: list[str], family: str) -> None:
    assert look(lora(modules)).family == family


def test_metadata_decides_only_what_the_keys_leave_open(look: Any) -> None:
    shared = [SHARED.format(n) for n in range(3)]
    assert look(lora(shared, {"ss_base_model_version": "flux1"})).family == "flux"
    assert look(lora(shared, {"modelspec.architecture": "Qwen-Image-Edit-Plus/lora"})).family == "qwen-image-edit"
    # a FLUX LoRA that claims to be a Qwen LoRA would load without a warning
    assert look(lora([FLUX], {"ss_base_model_version": "qwen_image"})).family == "flux"
    assert look(lora([QWEN], {"ss_base_model_version": "flux1"})).family == "qwen-image-edit"


@pytest.mark.parametrize(
    ("module", "halves", "form"),
    [
        (FLUX, ("lora_A.weight", "lora_B.weight"), "diffusers"),
        (QWEN, ("lora_A.weight", "lora_B.weight"), "comfy"),
        ("lora_unet_single_blocks_0_linear1", ("lora_down.weight", "lora_up.weight"), "kohya"),
        (
            "lora_transformer_single_transformer_blocks_0_attn_to_q",
            ("lora_down.weight", "lora_up.weight"),
            "onetrainer",
        ),
        ("double_blocks.0.processor.qkv_lora1", ("down.weight", "up.weight"), "xlabs"),
        ("base_model.model.transformer_blocks.0.img_mlp.net.2", ("lora_A.weight", "lora_B.weight"), "peft"),
        ("transformer_blocks.0.img_mlp.net.2", ("lora_A.default.weight", "lora_B.default.weight"), "unprefixed"),
    ],
)
def test_formats_rank_and_modules(look: Any, module: str, halves: tuple[str, str], form: str) -> None:
    header = look(lora([module, module.replace("0", "1")], rank=16, halves=halves))
    assert header.format == form
    assert header.rank == 16
    assert header.modules == len({module, module.replace("0", "1")})
    assert header.alpha is None


def test_alpha_from_metadata_or_from_the_tensor(look: Any) -> None:
    tensors = {**pair(FLUX, 16), f"{FLUX}.alpha": ()}
    assert look(safetensors(tensors)).alpha == 8.0
    # a layer's own counts before what the header says of all
    assert look(safetensors(tensors, {"ss_network_alpha": "32"})).alpha == 8.0
    assert look(lora([FLUX], {"ss_network_alpha": "32"})).alpha == 32.0
    adapter = json.dumps({"transformer.lora_alpha": 2})
    assert look(safetensors(tensors, {"lora_adapter_metadata": adapter})).alpha == 8.0
    assert look(lora([FLUX], {"lora_adapter_metadata": adapter})).alpha == 2.0
    assert look(safetensors(tensors, {"ss_network_alpha": "None", "lora_adapter_metadata": "{"})).alpha == 8.0


def test_trigger_words(look: Any) -> None:
    assert look(lora([FLUX], {"modelspec.trigger_phrase": "ohwx_char"})).trigger == "ohwx_char"
    tags = json.dumps({"10_ada": {" ada ": 10, "hat": 2}, "5_x": {"hat": 9}})
    assert look(lora([FLUX], {"ss_tag_frequency": tags})).trigger == "hat, ada"
    for broken in ("[]", "{", '{"a": 1}', '{"a": {"b": "c"}}'):
        assert look(lora([FLUX], {"ss_tag_frequency": broken})).trigger == ""
    assert look(lora([FLUX])).trigger == ""


def test_hash_size_and_metadata(look: Any, tmp_path: Path) -> None:
    header = look(lora([FLUX], {"a": "b", "ss_base_model_version": "flux1"}))
    assert header.sha256 == file_hash(tmp_path / "a.safetensors")
    assert header.bytes == (tmp_path / "a.safetensors").stat().st_size
    assert header.metadata["a"] == "b"
    assert header.base == "flux1"
    assert not header.text_encoder
    assert look(lora([FLUX, "text_encoder.text_model.encoder.layers.0.self_attn.q_proj"])).text_encoder


# ---- refusals


class Boom:
    def __reduce__(self) -> Any:
        return (print, ("this must never run",))


def test_pickles_are_refused_by_content_and_never_run(
    look: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    zipped = tmp_path / "zip"
    with zipfile.ZipFile(zipped, "w") as archive:
        archive.writestr("archive/data.pkl", pickle.dumps(Boom()))
    for data in (zipped.read_bytes(), pickle.dumps({"a": Boom()}), pickle.dumps(Boom(), protocol=2)):
        with pytest.raises(LoraRefused, match="pickle"):
            look(data)
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize("suffix", [".pt", ".bin", ".ckpt", ".pth", ".PT"])
def test_names_of_pickles_are_refused_whatever_is_inside(look: Any, workspace: Workspace, suffix: str) -> None:
    with pytest.raises(LoraRefused, match="pickle"):
        look(lora([FLUX]), f"a{suffix}")
    with pytest.raises(LoraRefused, match="pickle"):
        admit_lora(workspace, lora([FLUX]), f"a{suffix}")


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "empty"),
        (b"GGUF" + b"\0" * 100, "GGUF"),
        (b"hello, this is no LoRA at all", "not a safetensors"),
        (struct.pack("<Q", 2**63) + b"{}", "not a safetensors"),
        (struct.pack("<Q", 50) + b"{}", "cut off within its header"),
        (struct.pack("<Q", 4) + b"null", "not a safetensors"),
        (struct.pack("<Q", 4) + b"{{{{", "not a safetensors"),
        (struct.pack("<Q", 4) + b"\xff\xfe\xff\xfe", "not a safetensors"),
        (struct.pack("<Q", 400_000) + b"[" * 400_000, "not a safetensors"),
        (struct.pack("<Q", 8) + b'{"a": 1}', "header is broken"),
        (safetensors({}), "not a LoRA"),
        (safetensors({"model.diffusion_model.x.weight": (4, 4)}), "not a LoRA"),
    ],
)
def test_what_is_no_lora_is_told(look: Any, data: bytes, words: str) -> None:
    with pytest.raises(LoraRefused, match=words) as refusal:
        look(data)
    assert str(refusal.value).startswith("a.safetensors: ")


@pytest.mark.parametrize(
    "entry",
    [
        {"dtype": "F16", "shape": [4, 6], "data_offsets": [0, 10]},
        {"dtype": "F16", "shape": [4, 6], "data_offsets": [10, 0]},
        {"dtype": "F16", "shape": [-4, -6], "data_offsets": [0, 48]},
        {"dtype": "F16", "shape": "wide", "data_offsets": [0, 48]},
        {"dtype": "F16", "data_offsets": [0, 48]},
        {"dtype": "F16", "shape": [4, 6]},
        {"dtype": "F16", "shape": [], "data_offsets": [0, 2]},
        [],
    ],
)
def test_a_header_that_contradicts_itself_is_refused(look: Any, entry: Any) -> None:
    text = json.dumps({f"{FLUX}.lora_A.weight": entry}).encode()
    with pytest.raises(LoraRefused):
        look(struct.pack("<Q", len(text)) + text + b"\0" * 48)


def test_a_download_that_was_cut_off_is_told(look: Any) -> None:
    whole = lora([FLUX])
    look(whole)
    with pytest.raises(LoraRefused, match="cut off"):
        look(whole[:-1])


@pytest.mark.parametrize(
    ("key", "words"),
    [
        ("lora_unet_single_blocks_0_linear1.oft_blocks", "OFT"),
        ("lora_unet_single_blocks_0_linear1.a1.weight", "GLoRA"),
        ("lora_unet_single_blocks_0_linear1.lora_mid.weight", "Tucker"),
        (f"{FLUX}.ia3_l", "IA3"),
    ],
)
def test_other_adapters_are_refused_by_name(look: Any, key: str, words: str) -> None:
    with pytest.raises(LoraRefused, match=words):
        look(safetensors({**pair(FLUX), key: (4, 4)}))


# ---- admission


@pytest.mark.parametrize("as_path", [True, False])
def test_an_admitted_file_is_copied_whole_with_its_record(workspace: Workspace, tmp_path: Path, as_path: bool) -> None:
    data = lora([FLUX], {"trigger_words": "ohwx_char", "ss_network_alpha": "4"})
    source = tmp_path / "my lora.safetensors"
    source.write_bytes(data)
    record = admit_lora(workspace, source if as_path else data, "my lora.safetensors", "flux")
    kept = workspace.path(record.path)
    assert kept.read_bytes() == data
    assert kept.parent == workspace.path("loras")
    assert record.id == file_hash(source)
    assert (record.name, record.family, record.rank, record.alpha) == ("my lora", "flux", 4, 4.0)
    assert (record.trigger, record.modules, record.bytes) == ("ohwx_char", 1, len(data))
    assert record.origin == "imported"
    assert source.exists()
    assert admit_lora(workspace, data, "my lora.safetensors", "flux").path == record.path


def test_a_file_for_another_model_is_refused_in_words_and_not_kept(workspace: Workspace) -> None:
    with pytest.raises(LoraRefused, match=r"made for FLUX\.1, not for Qwen-Image-Edit"):
        admit_lora(workspace, lora([FLUX]), "a.safetensors", "qwen-image-edit")
    with pytest.raises(LoraRefused, match=r"made for Qwen-Image-Edit, not for FLUX\.1"):
        admit_lora(workspace, lora([QWEN]), "a.safetensors", "flux")
    with pytest.raises(LoraRefused, match="Stable Diffusion"):
        admit_lora(workspace, lora(["lora_unet_input_blocks_4_1_proj_in"]), "a.safetensors")
    with pytest.raises(LoraRefused, match="neither"):
        admit_lora(workspace, lora(["who.knows"]), "a.safetensors", "flux")
    with pytest.raises(LoraRefused, match="no such file"):
        admit_lora(workspace, workspace.root / "none.safetensors", "none.safetensors")
    assert list(workspace.path("loras").iterdir()) == []


def test_halves_without_a_shape_tell_nothing_of_widths(look: Any) -> None:
    header = look(safetensors({f"{FLUX}.lora_A.weight": (4, 6), f"{FLUX}.lora_B.weight": ()}))
    assert header.family == "flux" and "no matrices" in header.fault


def test_an_ambiguous_file_is_only_taken_for_a_model_that_it_fits(workspace: Workspace) -> None:
    data = lora([SHARED.format(12)])  # FLUX.2 klein has no block 12
    with pytest.raises(LoraAmbiguous, match=r"fits FLUX\.1 and Qwen-Image-Edit"):
        admit_lora(workspace, data, "a.safetensors")
    with pytest.raises(LoraRefused, match=r"one of FLUX\.1 and Qwen-Image-Edit, not for FLUX\.2 klein"):
        admit_lora(workspace, data, "a.safetensors", "flux2-klein")
    assert admit_lora(workspace, lora([SHARED.format(2)]), "a.safetensors", "flux2-klein").family == "flux2-klein"


def test_an_ambiguous_file_waits_for_the_user_to_say(workspace: Workspace) -> None:
    data = lora([SHARED.format(0)])
    with pytest.raises(LoraAmbiguous, match="Say which"):
        admit_lora(workspace, data, "a.safetensors")
    assert admit_lora(workspace, data, "a.safetensors", "qwen-image-edit").family == "qwen-image-edit"
    assert admit_lora(workspace, lora([FLUX]), "b.safetensors").family == "flux"


@pytest.mark.parametrize("name", ["../../x.safetensors", "<b>.safetensors", "a\0b.safetensors", "", "名.safetensors"])
def test_hostile_names_stay_in_the_folder(workspace: Workspace, name: str) -> None:
    record = admit_lora(workspace, lora([FLUX]), name, "flux", name=name)
    assert workspace.path(record.path).parent == workspace.path("loras")
    assert not set(record.path) & set("<>\0 ")
