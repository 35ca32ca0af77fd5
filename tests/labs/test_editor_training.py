"""The mini editor's training: pictures, reading, loss, resuming; and the stock pipeline around its parts."""

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from labs.mini_training.checkpoints import qwen
from labs.mini_training.editor import exam, pool, run
from labs.mini_training.editor.attention import Products, attention
from labs.mini_training.editor.latents import Latents
from labs.mini_training.editor.reading import Reader, patches
from labs.mini_training.editor.task import CHANGE, FACE, Data, EditTask, change_weights, face_weights, predict, sigmas
from labs.mini_training.loop import Plan, Trainer
from labs.mini_training.release import begin
from pipelines.engine.precision import native
from pipelines.storage.preset_files import PRESETS
from pipelines.world.renderer import LIGHTS

VAE = PRESETS / "mini" / "qwen-edit" / "vae"


@pytest.fixture(scope="module", autouse=True)
def _one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A pool of two shards of four groups, with the latents of the shipped VAE."""
    return tmp_path_factory.mktemp("editor")


def data(folder: Path) -> Data:
    return Data(pool.Pool(folder / "pool", 4), Latents(folder / "latents", VAE), 2)


def lively() -> dict[str, torch.nn.Module]:
    """Parts whose predictions are not nothing, as untrained ones' would be."""
    parts = qwen.untrained(3)
    with torch.random.fork_rng():
        torch.manual_seed(4)
        for p in parts["transformer"].parameters():
            if p.ndim > 1 and not p.any():
                torch.nn.init.normal_(p, std=0.05)
    return parts


def image(pixels: torch.Tensor) -> Image.Image:
    return Image.fromarray(pixels.permute(1, 2, 0).numpy())


def test_views_of_a_group_differ_in_one_factor_each():
    shard = pool.draw(7, 5)
    table = shard.table
    assert shard.pictures.shape == (5, 7, 3, 64, 64)
    for slot, name in enumerate(pool.SLOTS[:5]):
        for factor in ("expression", "light", "background", "framing", "style"):
            changed = (table[factor][:, slot] != table[factor][:, 0]).tolist()
            assert changed == [factor == name] * 5, (slot, factor)
        turned = np.abs(table["yaw"][:, slot] - table["yaw"][:, 0]) >= 15
        assert turned.all() if name == "turn" else not turned.any()
    assert ((table["light"] >= 0) & (table["light"] < len(LIGHTS))).all()


def test_a_shard_is_the_same_again_and_another_is_another():
    one, again, other = pool.draw(3, 2), pool.draw(3, 2), pool.draw(4, 2)
    assert torch.equal(one.pictures, again.pictures)
    assert all(np.array_equal(one.table[k], again.table[k]) for k in one.table)
    assert not torch.equal(one.pictures, other.pictures)


def test_patches_and_embeddings_are_the_pipelines(folder):
    parts = lively()
    pipe = qwen.assemble(parts, Latents(folder / "latents", VAE).vae)
    pictures = pool.draw(1, 2).pictures[:, :3]
    processed = pipe.processor.image_processor(images=[image(pictures[0, 0])], return_tensors="pt")["pixel_values"]
    assert (processed - patches(pictures[:1, 0])[0]).abs().mean() < 0.01
    texts = ["Turn the head slightly to the left. Keep the same person.", " "]
    with torch.no_grad():
        for count in (1, 3):
            reader = Reader(parts["text_encoder"])
            made, real = reader(*reader.rows(texts), pictures[:, :count])
            for row, text in enumerate(texts):
                expected, _ = pipe.encode_prompt(text, [image(p) for p in pictures[row, :count]])
                assert int(real[row].sum()) == expected.shape[1]
                off = made[row, : expected.shape[1]] - expected[0]
                assert off.abs().mean() < 0.02 * expected.std()


def test_latents_are_the_pipelines(folder):
    latents = Latents(folder / "latents", VAE)
    pipe = qwen.assemble(qwen.untrained(1), latents.vae)
    shard = pool.Pool(folder / "pool", 4).get(0)
    ours = latents.get(0, shard)
    pixels = shard.pictures[0, :1].float().unsqueeze(2) / 127.5 - 1
    theirs = pipe._encode_vae_image(pixels, torch.Generator())
    packed = pipe._pack_latents(theirs.permute(0, 2, 1, 3, 4), 1, 16, 16, 16)
    assert ours.shape == (4, 7, 64, 64)
    assert (ours[0, 0].float() - packed[0]).abs().mean() < 0.02
    assert torch.equal(ours, latents.get(0, shard))
    assert 0.7 < float(ours.float().std()) < 1.3


def test_fast_attention_is_the_stock_one():
    model = lively()["transformer"]
    real = torch.ones(3, 20, dtype=torch.bool)
    real[1, 12:] = False
    given = torch.randn(3, 64, 64), torch.randn(3, 2, 64, 64), torch.rand(3), torch.randn(3, 20, 128)
    with torch.no_grad():
        stock = [predict(model, *given, seen) for seen in (real, None)]
        model.set_attn_processor(Products())
        ours = [predict(model, *given, seen) for seen in (real, None)]
    for a, b in zip(stock, ours, strict=True):
        assert torch.allclose(a, b, atol=1e-4)
    assert not torch.allclose(stock[0], stock[1], atol=1e-4)


def test_attention_in_bf16_is_that_in_float32():
    q, k, v = (torch.randn(3, 84, 2, 8) for _ in range(3))
    real = torch.ones(3, 20, dtype=torch.bool)
    real[1, 12:] = False
    for seen in (real, None):
        exact, rough = attention(q, k, v, seen), attention(q, k, v.bfloat16(), seen)
        assert rough.dtype == torch.bfloat16
        assert torch.allclose(exact, rough.float(), atol=0.03)
    assert not torch.allclose(attention(q, k, v, real), exact, atol=0.03)


def test_what_an_edit_changes_weighs_more_and_the_mean_stays_one():
    source = torch.randn(2, 64, 64)
    target = source.clone()
    target[0, 5:7] += 1.0
    target[1] += 1.0
    weights = change_weights(target, source)
    assert torch.allclose(weights.mean((1, 2)), torch.ones(2))
    assert torch.allclose(weights[1], torch.ones(64, 1)), "everywhere the same: everywhere one"
    changed = weights[0, 5:7].sum() / weights[0].sum()
    assert changed == pytest.approx((CHANGE + 2 / 64) / (CHANGE + 1))
    assert torch.allclose(change_weights(source, source), torch.full((2, 64, 1), 1 / (1 + CHANGE)))


def test_a_face_weighs_more_where_it_looks_and_the_mean_stays_one(folder):
    table, yaws = data(folder).pool.get(0).table, np.array([-90.0, 0.0, 90.0], np.float32)
    assert table["box"].shape == (4, 7, 4)
    assert np.all(table["box"][..., 2:] > table["box"][..., :2])
    weights = face_weights(yaws, np.tile(np.array([0.2, 0.2, 0.8, 0.8], np.float32), (3, 1)))
    assert torch.allclose(weights.mean(1), torch.ones(3, 1))
    across = weights.view(3, 8, 8).mean(1)
    assert int(across[0].argmax()) < 3
    assert torch.allclose(across[0], across[2].flip(0))
    assert torch.allclose(across[1], across[1].flip(0))
    more = weights.amax(1) / weights.amin(1)
    assert (more > 3).all()
    assert (more < 1 + FACE).all()


def test_a_training_goes_on_from_a_finished_editor(folder):
    task = EditTask(data(folder), 100, batch=3)
    begun = {name: part.state_dict()[key].clone() for name, key, part in _first(task)}
    begin(task.parts, run.HOME)
    shipped = run.pipeline(task.net.state_dict(), Latents(folder / "latents", VAE).vae)
    stock = {"transformer": shipped.transformer, "text_encoder": shipped.text_encoder}
    for name, key, part in _first(task):
        now = part.state_dict()[key]
        assert not torch.equal(now, begun[name])
        assert torch.equal(stock[name].state_dict()[key], now.to(native("cpu")))
    torch.manual_seed(5)
    assert task.loss(60)[1]["plain"] < 0.5, "what was learnt is there"


def _first(task: EditTask) -> list[tuple[str, str, torch.nn.Module]]:
    """A matrix of each part."""
    return [(name, next(k for k, v in p.state_dict().items() if v.ndim == 2), p) for name, p in task.parts.items()]


def test_noise_levels_are_those_of_the_pipeline():
    torch.manual_seed(1)
    drawn = sigmas(4000, 0.49)
    assert torch.logit(drawn).mean() == pytest.approx(0.49, abs=0.01)
    assert torch.logit(drawn).std() == pytest.approx(1.0, abs=0.02)


def test_the_same_step_gets_the_same_batch(folder):
    losses = []
    for _ in range(2):
        task = EditTask(data(folder), 100, batch=3)
        torch.manual_seed(5)
        losses.append(float(task.loss(60)[0]))
    assert losses[0] == losses[1]
    torch.manual_seed(5)
    assert float(task.loss(61)[0]) != losses[0]


def train(folder: Path, to: Path, until: int, steps: int = 16) -> Trainer:
    plan = Plan(steps, rate=4e-3, warmup=4, adam=run.ADAM, every=4)
    trainer = Trainer(EditTask(data(folder), steps, batch=4), plan, to, lambda text: None)
    trainer.run(lambda: trainer.step >= until)
    return trainer


@pytest.mark.slow
def test_training_learns_and_resumes_exactly(folder, tmp_path):
    whole = train(folder, tmp_path / "whole", 16)
    curve = [float(line.split('"plain": ')[1].split(",")[0]) for line in (tmp_path / "whole/curve.jsonl").open()]
    assert curve[-1] < 0.85 * curve[0]
    train(folder, tmp_path / "halves", 5)
    resumed = train(folder, tmp_path / "halves", 16)
    for name, value in whole.task.net.state_dict().items():
        assert torch.equal(value, resumed.task.net.state_dict()[name]), name
    pipe = run.pipeline(whole.mean, Latents(folder / "latents", VAE).vae)
    assert pipe.transformer.dtype == pipe.text_encoder.dtype == pipe.vae.dtype == native("cpu")
    state = pipe.text_encoder.model.state_dict()
    name = "language_model.layers.1.mlp.up_proj.weight"
    assert torch.equal(state[name], whole.mean[f"text.{name}"].to(native("cpu")))


def test_the_stock_pipeline_edits_with_one_source_and_three(folder):
    pipe = qwen.assemble(lively(), Latents(folder / "latents", VAE).vae)
    questions = exam.questions(4, sources=3)
    draw = exam.drawer(pipe, steps=2)
    sources = exam.pictures(questions[0].who, (questions[0].source, *questions[0].others))
    one, three = (draw(some, "Turn the head to the left.", 1) for some in (sources[:1], sources))
    assert one.size == three.size == (64, 64)
    assert np.array_equal(one, draw(sources[:1], "Turn the head to the left.", 1))
    assert not np.array_equal(one, three)
    assert not np.array_equal(one, draw(sources[1:2], "Turn the head to the left.", 1))
    assert not np.array_equal(one, draw(sources[:1], "The person smiles.", 1))


def test_questions_ask_for_what_is_not_there_and_truths_answer_them():
    asked = exam.questions(12, sources=2)
    assert [q.sort for q in asked[:4]] == ["angle", "light", "background", "expression"]
    for question in asked:
        assert question.truth != question.source
        assert len(question.others) == 1
    truths = [exam.read(exam.pictures(q.who, (q.truth,))[0], q) for q in asked]
    copies = [exam.read(exam.pictures(q.who, (q.source,))[0], q) for q in asked]
    assert sum(t.right for t in truths) >= 10
    assert sum(c.right for c in copies) <= 2
    assert sum(t.cosine > 0.6 for t in truths) >= 11
    assert max(t.error for t in truths) < 1 < np.median([c.error for c in copies])
