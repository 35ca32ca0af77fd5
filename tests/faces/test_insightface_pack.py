"""insightface without a pack, and with a broken one. Nothing may reach for the network."""

from types import SimpleNamespace

import pytest
from PIL import Image

from pipelines.faces import recogniser
from pipelines.faces.base import RecogniserMissing
from pipelines.faces.insightface_pack import InsightFacePack
from pipelines.storage.preset_files import PRESETS
from pipelines.storage.presets import shipped
from pipelines.worker.machine import _pack


def settings(**given):
    return SimpleNamespace(**({"insightface_root": None, "facenet_weights": None} | given))


def test_an_absent_pack_is_told_with_what_to_fetch_and_where_to_put_it(tmp_path):
    pack = InsightFacePack(str(tmp_path))
    words = pack.ready()
    assert "buffalo_l" in words
    assert "AuraFace" in words
    assert "non-commercial" in words
    assert str(tmp_path / "models" / "buffalo_l") in words
    assert pack.model_hash == ""
    with pytest.raises(RecogniserMissing, match="No face pack found"):
        pack.faces(Image.new("RGB", (64, 64)))
    assert list(tmp_path.iterdir()) == []


def test_the_pack_is_found_in_the_root_and_under_models(tmp_path):
    assert InsightFacePack(str(tmp_path)).folder is None
    other = tmp_path / "models" / "mine"
    other.mkdir(parents=True)
    assert InsightFacePack(str(tmp_path)).folder is None
    (other / "det.onnx").write_bytes(b"x")
    assert InsightFacePack(str(tmp_path)).folder == other
    known = tmp_path / "models" / "buffalo_l"
    known.mkdir()
    (known / "det.onnx").write_bytes(b"y")
    assert InsightFacePack(str(tmp_path)).folder == known
    assert InsightFacePack(str(other)).folder == other


def test_a_broken_pack_is_told_and_not_a_crash(tmp_path):
    folder = tmp_path / "models" / "buffalo_l"
    folder.mkdir(parents=True)
    (folder / "det_10g.onnx").write_bytes(b"not onnx")
    pack = InsightFacePack(str(tmp_path))
    assert pack.ready() == ""
    assert len(pack.model_hash) == 16
    with pytest.raises(RecogniserMissing, match=r"The face pack in .*buffalo_l cannot be loaded"):
        pack.load()


def test_recognisers_by_name(tmp_path):
    places = settings(insightface_root=tmp_path)
    for name in shipped().faces:
        found = recogniser(name, places)
        assert found.name == name
        assert found is recogniser(name, places)
        assert found.title
    assert "not a face recogniser" in recogniser("perceptual", places).title
    with pytest.raises(ValueError, match=r"no recogniser 'eigenfaces'.*insightface.*mini-judge.*perceptual"):
        recogniser("eigenfaces", places)


def test_a_detector_of_one_size_is_told(tmp_path):
    assert InsightFacePack(str(tmp_path)).fixed_side() == 0
    assert InsightFacePack(str(PRESETS / "mini" / "faces" / "pack")).fixed_side() == 128
    told = _pack("insightface", settings(insightface_root=PRESETS / "mini" / "faces" / "pack"), shipped().faces)
    assert "128 px" in told["note"]
    assert _pack("mini", settings(), shipped().faces)["note"] == ""
