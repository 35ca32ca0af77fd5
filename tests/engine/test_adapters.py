"""LoRA stacks: exact, reversible, loaded once; what does not fit is refused and leaves no trace."""

import json
import pickle
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from engine_helpers import (
    FLUX,
    FLUX_TARGETS,
    QWEN,
    QWEN_TARGETS,
    distance,
    family,
    flux_lora,
    lora_tensors,
    prefixed,
    qwen_lora,
    ramp,
    same,
    shot,
    stack,
    weighted,
    write_lora,
)
from PIL import Image

from pipelines.domain.cancelled import Cancelled
from pipelines.domain.shots import Adapter, ImageRef, LoraStack
from pipelines.engine.adapters import applied, load
from pipelines.engine.resident import Resident
from pipelines.models.driver import Driver
from pipelines.models.lora_files import LoraRefused
from pipelines.storage.workspace import Workspace

Tensors = dict[str, torch.Tensor]


def picture(driver: Driver, worn: LoraStack, workspace: Workspace, **options) -> Image.Image:
    edits = driver.family.name == QWEN
    wanted = shot(driver.family.name, sources=(ImageRef(id="s", path="-"),) if edits else ())
    with applied(driver, worn, workspace, **options):
        return driver.render(wanted, [ramp()] if edits else [])


@pytest.mark.parametrize(("name", "make"), [(FLUX, flux_lora), (QWEN, qwen_lora)])
def test_weight_0_is_the_base_and_a_slider_loads_nothing(
    name: str, make: Callable, resident: Resident, workspace: Workspace, models_dir: Path
) -> None:
    adapter = make(workspace, models_dir)
    with resident.use(family(name)) as driver:
        base = picture(driver, stack(), workspace)
        seen = {w: picture(driver, stack(weighted(adapter, w)), workspace) for w in (1.0, 0.5, 0.0, -1.0)}
        assert same(seen[0.0], base)
        assert len({image.tobytes() for image in seen.values()}) == 4
        assert same(picture(driver, stack(weighted(adapter, 1.0)), workspace), seen[1.0])
        assert same(picture(driver, stack(), workspace), base)
        assert driver.shelf.loads == 1
    assert resident.loads == {name: 1}


@pytest.mark.slow(seconds=6)
def test_the_order_of_loading_does_not_show(resident: Resident, workspace: Workspace, models_dir: Path) -> None:
    one, two = (flux_lora(workspace, models_dir, f"l{n}", seed=n) for n in (1, 2))
    both = stack(weighted(one, 0.8), weighted(two, 0.4))
    with resident.use(family(FLUX)) as driver:
        first = picture(driver, both, workspace)
        alone = picture(driver, stack(two), workspace)
    resident.drop()
    with resident.use(family(FLUX)) as driver:
        assert same(picture(driver, stack(two), workspace), alone)
        assert same(picture(driver, both, workspace), first)
        assert driver.shelf.loads == 2


def test_adapters_are_as_before_after_a_cancel_within_a_step(
    resident: Resident, workspace: Workspace, models_dir: Path
) -> None:
    adapter = flux_lora(workspace, models_dir)

    def stop(k: int, n: int) -> None:
        raise Cancelled

    with resident.use(family(FLUX)) as driver:
        base = picture(driver, stack(), workspace)
        with pytest.raises(Cancelled), applied(driver, stack(adapter), workspace):
            driver.render(shot(), [], stop)
        assert driver.shelf.active == ()
        assert same(driver.render(shot(), []), base)
        with applied(driver, stack(adapter), workspace):
            worn = driver.render(shot(), [])
            with applied(driver, stack(weighted(adapter, 0.3)), workspace):
                pass
            assert same(driver.render(shot(), []), worn)


def test_a_lora_for_another_model_is_refused_before_anything_loads(
    resident: Resident, workspace: Workspace, models_dir: Path
) -> None:
    wrong, right = qwen_lora(workspace, models_dir), flux_lora(workspace, models_dir)
    with resident.use(family(FLUX)) as driver:
        base, worn = picture(driver, stack(), workspace), picture(driver, stack(right), workspace)
        with pytest.raises(LoraRefused, match="LoRA for qwen-image-edit"):
            picture(driver, stack(right, wrong), workspace)
        assert list(driver.pipe.transformer.peft_config) == [driver.shelf.kept[right.sha256].name]
        assert same(picture(driver, stack(), workspace), base)
        assert same(picture(driver, stack(right), workspace), worn)


def test_a_pickle_is_refused_and_never_opened(resident: Resident, workspace: Workspace) -> None:
    class Bomb:
        def __reduce__(self):
            return Path.touch, (workspace.root / "exploded",)

    for name in ("bad.pt", "bad.safetensors"):
        path = workspace.path(f"loras/{name}")
        path.write_bytes(pickle.dumps(Bomb()))
        with resident.use(family(FLUX)) as driver:
            before = set(driver.pipe.transformer.state_dict())
            with pytest.raises(LoraRefused):
                load(driver, path, "x")
            assert set(driver.pipe.transformer.state_dict()) == before
    assert not (workspace.root / "exploded").exists()


def test_a_file_that_changed_since_it_was_chosen_is_refused(
    resident: Resident, workspace: Workspace, models_dir: Path
) -> None:
    adapter = flux_lora(workspace, models_dir)
    flux_lora(workspace, models_dir, seed=5)
    with resident.use(family(FLUX)) as driver, pytest.raises(LoraRefused, match="has changed"):
        picture(driver, stack(adapter), workspace)


def test_a_failed_load_is_rolled_back(resident: Resident, workspace: Workspace, models_dir: Path) -> None:
    good = flux_lora(workspace, models_dir)
    halves = lora_tensors(models_dir / FLUX, FLUX_TARGETS, seed=3)
    broken: dict[str, Tensors] = {
        "not a module": halves
        | {f"transformer_blocks.7.ff_context.net.2.lora_{h}.weight": torch.zeros(4, 4) for h in "AB"},
        "not the shape": {n: t.repeat(1, 2) if ".lora_A" in n else t for n, t in halves.items()},
        "not finite": {n: t * float("nan") for n, t in halves.items()},
    }
    with resident.use(family(FLUX)) as driver:
        base, worn = picture(driver, stack(), workspace), picture(driver, stack(good), workspace)
        for n, tensors in enumerate(broken.values()):
            sha = write_lora(workspace.path(f"loras/broken{n}.safetensors"), prefixed(tensors))
            bad = Adapter(name="bad", sha256=sha, path=f"loras/broken{n}.safetensors")
            with pytest.raises(LoraRefused, match=f"broken{n}"):
                picture(driver, stack(bad), workspace)
            assert same(picture(driver, stack(), workspace), base)
            assert same(picture(driver, stack(good), workspace), worn)
            assert list(driver.pipe.transformer.peft_config) == [driver.shelf.kept[good.sha256].name]


def test_a_failed_first_load_leaves_the_plain_model(resident: Resident, workspace: Workspace, models_dir: Path) -> None:
    tensors = {n: t * float("inf") for n, t in lora_tensors(models_dir / FLUX, FLUX_TARGETS).items()}
    sha = write_lora(workspace.path("loras/bad.safetensors"), prefixed(tensors))
    with resident.use(family(FLUX)) as driver:
        before = picture(driver, stack(), workspace)
        names = set(driver.pipe.transformer.state_dict())
        with pytest.raises(LoraRefused, match="damaged"):
            picture(driver, stack(Adapter(name="bad", sha256=sha, path="loras/bad.safetensors")), workspace)
        assert set(driver.pipe.transformer.state_dict()) == names
        assert same(picture(driver, stack(), workspace), before)


def down_up(tensors: Tensors) -> Tensors:
    return {n.replace(".lora_A.", ".lora_down.").replace(".lora_B.", ".lora_up."): t for n, t in tensors.items()}


def with_alpha(tensors: Tensors, prefix: str = "") -> Tensors:
    """The same function told differently: half the weights of A, alpha twice the rank."""
    modules = {n.split(".lora_")[0] for n in tensors if "lora_A" in n or "lora_down" in n}
    halved = {n: t / 2 if ".lora_A." in n or ".lora_down." in n else t for n, t in tensors.items()}
    return halved | {f"{prefix}{module}.alpha": torch.tensor(8.0) for module in modules}


LAYOUTS: dict[str, Callable[[Tensors], Tensors]] = {
    "transformer.": prefixed,
    "unprefixed": lambda t: t,
    "diffusion_model.": lambda t: prefixed(t, "diffusion_model."),
    "base_model.model.": lambda t: prefixed(t, "base_model.model."),
    "default": lambda t: {n.replace(".weight", ".default.weight"): v for n, v in prefixed(t).items()},
    "lora_down with alpha": lambda t: prefixed(with_alpha(down_up(t))),
    "unprefixed lora_down with alpha": lambda t: with_alpha(down_up(t)),
    "lora_A with alpha": lambda t: prefixed(with_alpha(t)),
}


@pytest.mark.parametrize(("name", "targets"), [(FLUX, FLUX_TARGETS), (QWEN, QWEN_TARGETS)])
@pytest.mark.parametrize("layout", LAYOUTS)
def test_every_layout_gives_the_same_picture(
    name: str, targets: tuple[str, ...], layout: str, resident: Resident, workspace: Workspace, models_dir: Path
) -> None:
    tensors = lora_tensors(models_dir / name, targets)
    with resident.use(family(name)) as driver:
        pictures = []
        for n, made in enumerate((prefixed(tensors), LAYOUTS[layout](tensors))):
            sha = write_lora(workspace.path(f"loras/l{n}.safetensors"), made)
            adapter = Adapter(name="l", sha256=sha, path=f"loras/l{n}.safetensors")
            pictures.append(picture(driver, stack(adapter), workspace))
        base = picture(driver, stack(), workspace)
    assert distance(pictures[0], base) > 1
    assert same(*pictures)


def test_alpha_in_the_header_counts(resident: Resident, workspace: Workspace, models_dir: Path) -> None:
    tensors = lora_tensors(models_dir / FLUX, FLUX_TARGETS)
    config = {
        "r": 4,
        "lora_alpha": 8,
        "target_modules": sorted({n.split(".lora_")[0] for n in tensors}),
        "peft_type": "LORA",
    }
    metadata = {"lora_adapter_metadata": json.dumps({f"transformer.{k}": v for k, v in config.items()})}
    halved = {n: t / 2 if ".lora_A." in n else t for n, t in tensors.items()}
    with resident.use(family(FLUX)) as driver:
        pictures = []
        for n, (made, meta) in enumerate(
            [(prefixed(tensors), None), (prefixed(halved), metadata), (prefixed(halved, "base_model.model."), metadata)]
        ):
            sha = write_lora(workspace.path(f"loras/l{n}.safetensors"), made, meta)
            adapter = Adapter(name="l", sha256=sha, path=f"loras/l{n}.safetensors")
            pictures.append(picture(driver, stack(adapter), workspace))
    assert same(pictures[0], pictures[1])
    assert same(pictures[0], pictures[2])


def test_adapters_over_the_budget_leave_the_oldest_first(
    resident: Resident, workspace: Workspace, models_dir: Path
) -> None:
    one, two, three = (flux_lora(workspace, models_dir, f"l{n}", seed=n) for n in (1, 2, 3))
    size = workspace.path(one.path).stat().st_size
    with resident.use(family(FLUX)) as driver:
        first = picture(driver, stack(one), workspace)
        for adapter in (two, one, three):
            picture(driver, stack(adapter), workspace, budget=2 * size)
        assert list(driver.shelf.kept) == [one.sha256, three.sha256]
        assert len(driver.pipe.transformer.peft_config) == 2
        # a stack that is needed now stays whole, whatever the budget
        picture(driver, stack(one, two, three), workspace, budget=size)
        assert len(driver.shelf.kept) == 3
        assert same(picture(driver, stack(one), workspace), first)
