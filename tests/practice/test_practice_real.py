"""One small practice run from the command line with the mini models, as a newcomer has it: JSON lines, a report."""

import json
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from pipelines.domain.records import Decision, ImageRecord
from pipelines.practice import choices as chosen
from pipelines.practice.choices import Choices
from pipelines.practice.run import Wish
from pipelines.storage.presets import shipped
from pipelines.storage.store import Store
from studio import __main__ as cli
from studio.cli import practice_command

ENRICHED = 4


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """A wheel of a few pictures and steps."""
    known = chosen.choices()
    few = {"steps": 2, "batch": 1, "rank": 4, "save_every": 100, "sample_every": 100, "phases": ()}
    settings = shipped().trainings[known.train.character].settings.model_copy(update=few)
    less = known.model_copy(
        update={
            "enrich": known.enrich.model_copy(update={"per_source": 1, "count": ENRICHED}),
            "train": known.train.model_copy(update={"settings": settings}),
        }
    )

    @dataclass(frozen=True)
    class Less(Wish):
        choices: Choices = field(default_factory=lambda: less)

    monkeypatch.setattr(practice_command, "Wish", Less)


@pytest.mark.slow(seconds=300)
def test_a_run_from_the_command_line(small: None, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    root = tmp_path / "workspace"
    words = ["--workspace", str(root), "--json", "practice", "--character", "3", "--rounds", "1", "--seed", "4"]
    assert cli.main(words) == 0
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    told = lines[-1]
    assert (told["ok"], told["event"], told["name"], told["seed"], told["error_rate"]) == (
        True,
        "summary",
        "Cleo",
        4,
        0.05,
    )
    assert {"character", "started", "ended", "decided", "card"} <= {line["event"] for line in lines[:-1]}
    (card,) = told["cards"]
    assert (card["lora"], card["rate"]["total"], len(card["cells"])) == ("cleo_v1", 23, 23)
    assert all(cell["truly"] is not None and cell["by"] == "simulated" for cell in card["cells"])
    with Store.open(root, read_only=True) as store:
        assert len(store.all(ImageRecord, kind="enriched")) == ENRICHED
        assert {d.who for d in store.all(Decision) if d.where != "source"} == {"simulated"}
        right = sum(store.verdict(i.id).label == "good" for i in store.all(ImageRecord, kind="card"))
    assert card["rate"]["right"] == right
    page = Path(told["report"]).read_text("utf-8")
    assert page.count("data:image/webp;base64,") == 12 + ENRICHED + 23
