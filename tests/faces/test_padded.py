"""The second look imagines no face on the back of a head (that it finds those that fill a picture: test_facenet.py)."""

from dataclasses import replace
from types import SimpleNamespace

import pytest
from PIL import Image

from pipelines.faces import recogniser
from pipelines.storage.presets import shipped
from pipelines.world.renderer import Character, View, render


@pytest.mark.parametrize("seed", [3, 7, 11])
def test_the_back_of_a_head_has_no_face(seed: int) -> None:
    places = SimpleNamespace(insightface_root=None, facenet_weights=None)
    pack = recogniser("mini", places, shipped().faces)

    def seen(yaw: float) -> Image.Image:
        return Image.fromarray(render([Character.from_seed(seed)], [replace(View(), yaw=yaw)], 64)[0][0])

    for yaw in (150, 180, -150):
        assert pack.faces(seen(yaw)) == []
