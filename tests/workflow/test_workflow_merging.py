"""A merge is asked for: what is refused in words; and on the command line, through the worker."""

import json
from typing import Any

import pytest

from pipelines.domain.records import Character, LoraRecord
from pipelines.session import NotFound, Session
from pipelines.workflow import loras, merging
from pipelines.workflow.characters import NotAllowed
from pipelines.workflow.merging import MergeOptions
from studio import __main__ as cli


@pytest.fixture
def two(session: Session) -> list[LoraRecord]:
    own = [e.name for e in session.presets.catalogue if e.shipped and "qwen-image-edit" in e.suits]
    return [loras.shipped(session, name) for name in own[:2]]


def test_what_cannot_be_merged_is_refused_in_words(session: Session, ada: Character, two: list[LoraRecord]) -> None:
    one, other = (lora.id for lora in two)
    flux = LoraRecord(id="f", name="drawn", path="f.safetensors", family="flux", rank=4)
    session.workspace.path("f.safetensors").touch()
    session.store.put(flux)
    for options, why in (
        (MergeOptions(((one, 1.0),), "x"), "Two different"),
        (MergeOptions(((one, 1.0), (one, 0.5)), "x"), "Two different"),
        (MergeOptions(((one, 1.0), (other, 1.0)), "  "), "called"),
        (MergeOptions(((one, 1.0), (other, 1.0)), "x", 0), "between 1 and 1024"),
        (MergeOptions(((one, 0.0), (other, 0.0)), "x"), "All weights are 0"),
        (MergeOptions(((one, 1.0), (other, 99.0)), "x"), "weight"),
        (MergeOptions(((one, 1.0), (other, 1.0)), two[0].name), "already"),
        (MergeOptions(((one, 1.0), ("f", 1.0)), "x"), "not for one model"),
    ):
        with pytest.raises(NotAllowed, match=why):
            merging.submit(session, options)
    with pytest.raises(NotFound):
        merging.submit(session, MergeOptions(((one, 1.0), ("nobody", 1.0)), "x"))
    assert [x.id for x in merging.beside(session, two[0])] == [other]


@pytest.mark.slow
def test_two_loras_become_one_through_the_worker(
    session: Session, ada: Character, two: list[LoraRecord], capsys: pytest.CaptureFixture[str]
) -> None:
    root = str(session.workspace.root)
    session.close()

    def say(*words: str) -> tuple[int, dict[str, Any]]:
        status = cli.main(["--workspace", root, "--json", *words])
        return status, json.loads(capsys.readouterr().out)

    status, told = say("merge", f"{two[0].name}=0.8", two[1].name, "--name", "both", "--rank", "4")
    assert status == 0 and told["lora"]["rank"] == 4 and 0 < told["error"] < 1
    assert "of the sum is lost" in told["job"]["warnings"][0]
    status, told = say("loras", "both")
    assert status == 0 and told["loras"][0]["family"] == "qwen-image-edit" and told["loras"][0]["here"]
    status, told = say("merge", two[0].name, "--name", "alone")
    assert status != 0 and "Two different" in told["error"]
