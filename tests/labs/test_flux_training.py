"""The mini FLUX is taught as the pipeline will ask it, goes on where it stopped, and becomes a stock FluxPipeline."""

from xml.etree import ElementTree

import numpy as np
import pytest
import torch
from diffusers.pipelines.flux.pipeline_flux import FluxPipeline
from safetensors import safe_open

from labs.mini_training import curve
from labs.mini_training.checkpoints import flux, vaes
from labs.mini_training.faces.pool import Pool, draw, keep
from labs.mini_training.feed import Feed, ahead
from labs.mini_training.flux import latents, task
from labs.mini_training.flux.run import ADAM, HOME, MORE, PLAIN, pipeline, shared
from labs.mini_training.loop import Plan, Trainer
from labs.mini_training.release import begin

PROMPT = "portrait of ohwx_char person, smiling, half-left view, clean background, studio lighting"
QUICK = Plan(12, rate=2e-3, warmup=2, every=4, keep=0.5, adam=ADAM)


@pytest.fixture(scope="module")
def vae():
    torch.manual_seed(1)
    return vaes.flux().eval()


@pytest.fixture(scope="module")
def pool(tmp_path_factory):
    """A pool with one shard of 24 pictures."""
    pool = Pool(tmp_path_factory.mktemp("pool"), "gate")
    shard = draw("gate", 3, count=24)
    keep(pool.path(0), {"pictures": shard.pictures.numpy()} | shard.table)
    return pool


@pytest.fixture
def batches(pool, vae, tmp_path):
    return task.Batches(latents.Latents(tmp_path / "flux", [pool], vae), steps=12, seed=1, size=8)


@pytest.fixture(scope="module")
def model():
    return task.Model(1)


def _lively(model):
    """Weights that answer to everything: untrained ones are silent."""
    torch.manual_seed(2)
    with torch.no_grad():
        for p in model.net.parameters():
            p.add_(torch.randn_like(p) * 0.05)
    return model


def test_the_batch_of_a_step_is_the_same_whenever_it_is_asked_for(batches, pool, vae, tmp_path):
    again = task.Batches(latents.Latents(tmp_path / "other", [pool], vae), steps=12, seed=1, size=8)
    for step in (0, 7):
        assert all(torch.equal(a, b) for a, b in zip(batches.at(step), again.at(step), strict=True))
        assert batches.drawn(step)[1] == again.drawn(step)[1]
    assert batches.drawn(1)[1] != batches.drawn(2)[1]


def test_batches_made_ahead_by_other_processes_are_the_same(batches):
    ahead = Feed(batches, workers=2)
    for step in (3, 4, 5, 2):
        assert all(torch.equal(a, b) for a, b in zip(ahead.at(step), batches.at(step), strict=True))


def test_faces_count_more_until_the_last_steps(batches):
    whole = task.Batches(batches.data, steps=40, seed=1, size=8)
    first, last = whole.at(0).weights, whole.at(39).weights
    assert first.std() > 0.3 and torch.equal(last, torch.ones_like(last))


def test_shards_drawn_later_change_nothing_and_another_vae_is_refused(pool, vae, tmp_path):
    data = latents.Latents(tmp_path, [pool], vae)
    keep(pool.path(1), {"pictures": np.zeros((1, 3, 128, 128), np.uint8)})
    try:
        assert (
            [n for _, n, _ in latents.Latents(tmp_path, [pool], vae).order] == [n for _, n, _ in data.order] == [0, 0]
        )
    finally:
        pool.path(1).unlink()
    torch.manual_seed(9)
    with pytest.raises(ValueError, match="another VAE"):
        latents.Latents(tmp_path, [pool], vaes.flux())


def test_pictures_are_drawn_ahead_by_other_processes(pool, vae, tmp_path):
    ahead(Shards(tmp_path).offer, range(3), workers=2)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["0", "1", "2"]
    data = latents.Latents(tmp_path / "flux", [pool], vae)
    data.encode_all()
    assert len(list((tmp_path / "flux" / "latents").iterdir())) == len(data.order) == 2


class Shards:
    """Says which it was asked for."""

    def __init__(self, folder):
        self.folder = folder

    def offer(self, number):
        (self.folder / str(number)).touch()


def test_tokens_are_packed_as_the_pipeline_packs_and_mirrors_mirror(pool, vae, tmp_path):
    data = latents.Latents(tmp_path, [pool], vae)
    x = torch.randn(2, 16, 16, 16)
    assert torch.equal(latents.pack(x), FluxPipeline._pack_latents(x, 2, 16, 16, 16))
    plain, mirrored = data.copy(0), data.copy(1)
    assert (plain.mirrored, mirrored.mirrored) == (False, True)
    assert not torch.equal(plain.tokens, mirrored.tokens)
    assert torch.allclose(
        latents.encode(data.vae, torch.zeros(1, 3, 64, 64, dtype=torch.uint8)).float().mean(), torch.tensor(0.0), atol=5
    )
    weights = task.face_weights([plain, mirrored], [0, 0]).view(2, 8, 8)
    assert torch.allclose(weights[0], weights[1].flip(-1), atol=1e-5)
    assert weights.mean((1, 2)) == pytest.approx([1, 1])


def test_three_of_eight_pictures_are_profiles_and_two_whole_figures(pool, vae, tmp_path):
    data = latents.Latents(tmp_path, [pool], vae)
    drawn = data.draw(np.random.default_rng(5), 1.0, 16)
    table = data.copy(0).table
    named = {kind: [row for k, row in enumerate(drawn.rows) if latents.EIGHT[k % 8] == kind] for kind in latents.EIGHT}
    assert {kind: len(rows) for kind, rows in named.items()} == {"profile": 6, "body": 4, "any": 6}
    assert all(table["framing"][row] == 0 and abs(table["turn"][row, 0]) > 0.96 for row in named["profile"])
    assert all(table["framing"][row] == 2 and table["face"][row] for row in named["body"])
    assert set(named["any"]) - set(data.copy(0).rows("profile")) - set(data.copy(0).rows("body"))


def test_a_profile_is_looked_at_where_its_eye_and_mouth_are():
    table = {"turn": np.array([[-1.0, 0.0, 0.0], [0.0, 1.0, 0.0]], np.float32), "face": np.array([1, 1])}
    table["box"] = np.array([[0.25, 0.25, 0.75, 0.75]] * 2, np.float32)
    tokens = torch.zeros(2, 64, 64)
    left, right = (latents.Copy(tokens, table, mirrored) for mirrored in (False, True))
    across = task.face_weights([left, right, left], [0, 0, 1]).view(3, 8, 8).mean(1)
    assert (int(across[0].argmax()), int(across[1].argmax())) == (2, 5)  # the middle of the box is between 3 and 4
    assert torch.allclose(across[0], across[1].flip(0)) and torch.allclose(across[2], across[2].flip(0))


def test_products_are_what_the_pipeline_computes(vae):
    model = _lively(task.Model(3))
    words = model.words(task.said([PROMPT, ""]))
    noisy, sigma = torch.randn(2, 64, 64), torch.tensor([0.3, 0.9])
    fast = model.velocity(noisy, sigma, words, torch.tensor([1.0, 4.0]))
    stock = flux.untrained(0)
    torch.nn.ModuleDict(stock).load_state_dict(model.net.state_dict())
    pipe = flux.assemble(stock, vae)
    embeds, pooled, _ = pipe.encode_prompt([PROMPT, ""], None, max_sequence_length=flux.TEXT_LENGTH)
    assert torch.allclose(words[0], embeds, atol=1e-4) and torch.allclose(words[1], pooled, atol=1e-4)
    ids = FluxPipeline._prepare_latent_image_ids(2, 8, 8, torch.device("cpu"), torch.float32)
    slow = pipe.transformer(
        noisy, embeds, pooled, sigma, img_ids=ids, txt_ids=torch.zeros(48, 3), guidance=torch.tensor([1.0, 4.0])
    )[0]
    assert torch.allclose(fast, slow, atol=1e-3) and slow.std() > 0.01


@pytest.mark.slow
def test_it_learns_and_goes_on_where_it_stopped(batches, tmp_path):
    begun = task.Plain(task.Model(1), batches)
    before = float(begun.loss(0)[0].detach())
    whole = Trainer(begun, QUICK, tmp_path / "whole", lambda _: None)
    whole.run()
    assert float(begun.loss(0)[0].detach()) < 0.9 * before
    first = Trainer(task.Plain(task.Model(1), batches), QUICK, tmp_path / "parts", lambda _: None)
    first.run(lambda: first.step == 5)
    second = Trainer(task.Plain(task.Model(8), batches), QUICK, tmp_path / "parts", lambda _: None)
    assert second.step == 5
    second.run()
    assert all(torch.equal(second.mean[name], value) for name, value in whole.mean.items())


def test_embeddings_and_modulations_are_not_made_orthogonal(model):
    from labs.mini_training.loop import Optimizer

    names = set(Optimizer(model.net, 0.0, ADAM).matrices)
    assert "transformer.single_transformer_blocks.0.proj_mlp.weight" in names
    assert "text_encoder_2.encoder.block.0.layer.0.SelfAttention.q.weight" in names
    assert not [n for n in names if "embed" in n or "norm" in n or "shared" in n or n == "transformer.proj_out.weight"]


def test_guidance_is_learnt_from_what_guidance_would_do(batches):
    student, teacher = task.Model(1), _lively(task.Model(4))
    guided = task.Guided(student, teacher, batches)
    noisy, sigma = torch.randn(2, 64, 64), torch.tensor([0.4, 0.8])
    told = teacher.velocity(noisy, sigma, teacher.words(task.said([PROMPT] * 2)), torch.ones(2))
    untold = teacher.velocity(noisy, sigma, teacher.words(task.said([""] * 2)), torch.ones(2))
    goal = guided._taught(noisy, sigma, task.said([PROMPT] * 2), torch.tensor([1.0, 3.0]))
    assert torch.allclose(goal[0], told[0], atol=1e-4)
    assert torch.allclose(goal[1], untold[1] + 3 * (told[1] - untold[1]), atol=1e-4)
    assert (told - untold).abs().max() > 0.01
    loss, figures = guided.loss(3)
    loss.backward()
    assert figures.keys() == {"guided", "plain"} and all(p.grad is None for p in teacher.net.parameters())
    assert student.transformer.proj_out.weight.grad is not None


def test_the_folder_is_a_stock_pipeline_in_bf16(vae, tmp_path):
    state = _lively(task.Model(5)).net.state_dict()
    pipe = pipeline(state, vae)
    flux.save(pipe, tmp_path)
    loaded = FluxPipeline.from_pretrained(tmp_path, dtype=torch.bfloat16)
    pictures = [
        p(
            PROMPT,
            height=64,
            width=64,
            num_inference_steps=2,
            guidance_scale=2.5,
            max_sequence_length=flux.TEXT_LENGTH,
            generator=torch.Generator().manual_seed(1),
            output_type="np",
        ).images[0]
        for p in (pipe, loaded)
    ]
    assert type(loaded) is FluxPipeline and pictures[0].shape == (64, 64, 3)
    assert np.array_equal(*pictures) and pictures[0].std() > 0.01
    with safe_open(tmp_path / "transformer" / "diffusion_pytorch_model.safetensors", "pt") as file:
        assert {file.get_tensor(name).dtype for name in file.keys()} == {torch.bfloat16}  # noqa: SIM118
    assert vae.dtype == torch.float32


def test_a_training_goes_on_from_a_finished_generator(batches):
    model = task.Model(7)
    begin(model.parts, HOME)
    shipped = FluxPipeline.from_pretrained(HOME, dtype=torch.float32)
    for name in flux.PARTS:
        for key, value in getattr(shipped, name).state_dict().items():
            assert torch.equal(model.parts[name].state_dict()[key], value)
    lost, figures = task.Plain(model, batches).loss(3)
    assert figures["plain"] < 0.8 < float(task.Plain(task.Model(7), batches).loss(3)[0].detach()), "untrained, it is 2"
    assert lost.requires_grad


def test_steps_are_shared_out_as_planned():
    plain, guided = shared(700)
    assert plain.steps + guided.steps == 700
    assert plain.steps / 700 == pytest.approx(PLAIN.steps / (PLAIN.steps + shared(None)[1].steps), abs=0.01)
    assert shared(None, MORE) == (MORE, shared(None)[1])
    assert MORE.steps > shared(700, MORE)[0].steps > shared(700, MORE)[1].steps > 0


def test_a_curve_is_drawn_from_what_was_told(tmp_path):
    file = tmp_path / "curve.jsonl"
    file.write_text('{"step": 50, "plain": 1.0}\n{"step": 100, "plain": 0.5}\n{"step": 100, "plain": 0.1}\n')
    points = curve.read(file, "plain")
    assert points == [(50, 1.0), (100, 0.1)]
    drawn = ElementTree.fromstring(curve.svg({"loss": points}))
    line = next(e for e in drawn if e.tag.endswith("polyline")).attrib["points"].split()
    (x0, y0), (x1, y1) = (map(float, point.split(",")) for point in line)
    assert x0 < x1 <= curve.WIDTH and 0 <= y0 < y1 <= curve.HEIGHT
    with pytest.raises(ValueError):
        curve.svg({"loss": []})
