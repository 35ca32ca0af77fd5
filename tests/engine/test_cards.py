"""Which card models run on, and what is free there: the driver's list, as ``CUDA_VISIBLE_DEVICES`` leaves it."""

import os

import psutil
import pytest

from pipelines.engine import capacity, cards
from pipelines.engine.cards import Card, Holder
from pipelines.engine.memory import predict_render
from pipelines.storage.presets import shipped
from pipelines.storage.settings import Settings
from pipelines.storage.workspace import Workspace

GIB = 2**30
OLD = Card("GPU-1111aaaa-0000", "NVIDIA GeForce GTX 1650", 4 * GIB)
NEW = Card("GPU-1122bbbb-0000", "NVIDIA GeForce RTX 4090", 24 * GIB)
THIRD = Card("GPU-3333cccc-0000", "NVIDIA RTX A6000", 48 * GIB)
ALL = [OLD, NEW, THIRD]


@pytest.fixture
def three(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """A machine with three cards, the smallest in the first slot. (No driver is here to be asked.)"""
    monkeypatch.setattr(cards, "cards", lambda: ALL)
    monkeypatch.setattr(cards, "torch_computes_on_cards", lambda: True)
    monkeypatch.delenv(cards.VISIBLE, raising=False)
    return monkeypatch


@pytest.mark.parametrize(
    ("mask", "left"),
    [
        (None, ALL),
        ("", []),
        ("-1", []),
        ("1", [NEW]),
        ("2,0", [THIRD, OLD]),
        (" 1 , 2 ", [NEW, THIRD]),
        ("1,7,0", [NEW]),
        ("1,1", [NEW]),
        ("GPU-3333cccc-0000", [THIRD]),
        ("GPU-3333", [THIRD]),
        ("GPU-11", []),
        ("GPU-9999", []),
        ("none", []),
        ("0,-1,1", [OLD]),
    ],
)
def test_the_mask_is_read_as_cuda_reads_it(mask: str | None, left: list[Card]) -> None:
    assert cards.visible(ALL, mask) == left


def test_the_plan_and_the_worker_speak_of_one_card(three: pytest.MonkeyPatch) -> None:
    three.setenv(cards.VISIBLE, "1")
    settings = Settings(device="auto")
    machine = capacity.capacity(settings)
    assert (machine.device, machine.total_gib) == ("cuda", 24)
    assert cards.environment(settings)[cards.VISIBLE] == NEW.uuid


def test_the_settings_choose_the_card(three: pytest.MonkeyPatch) -> None:
    settings = Settings(card=THIRD.uuid)
    assert capacity.capacity(settings).total_gib == 48
    assert cards.environment(settings)[cards.VISIBLE] == THIRD.uuid
    assert capacity.capacity(Settings(device="cpu", card=THIRD.uuid)).device == "cpu"


def test_a_card_that_is_gone_is_told_and_no_other_is_taken(three: pytest.MonkeyPatch) -> None:
    settings = Settings(card="GPU-gone")
    machine = capacity.capacity(settings)
    assert machine.device == "cpu"
    assert "GPU-gone" in machine.no_card
    assert cards.environment(settings)[cards.VISIBLE] == ""


def test_a_pytorch_for_cpus_beside_a_card_is_told(three: pytest.MonkeyPatch) -> None:
    three.setattr(cards, "torch_computes_on_cards", lambda: False)
    machine = capacity.capacity(Settings())
    assert machine.device == "cpu"
    assert "PyTorch is built for CPUs alone" in machine.no_card


def test_a_hidden_card_is_told(three: pytest.MonkeyPatch) -> None:
    three.setenv(cards.VISIBLE, "-1")
    assert "hides it" in capacity.capacity(Settings()).no_card


def test_asked_for_a_card_where_there_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cards, "cards", list)
    assert "no driver knows" in capacity.capacity(Settings(device="cuda")).no_card
    assert capacity.capacity(Settings(device="auto")).no_card == ""


def test_the_installed_pytorch_says_whether_it_computes_on_cards() -> None:
    import torch

    assert cards.torch_computes_on_cards() == (torch.version.cuda is not None)


def test_what_others_hold_is_not_free_and_they_are_named(three: pytest.MonkeyPatch, workspace: Workspace) -> None:
    other = psutil.Process(os.getppid())
    busy = Card(NEW.uuid, NEW.name, 24 * GIB, 20 * GIB, (Holder(other.pid, 15 * GIB), Holder(os.getpid(), 4 * GIB)))
    three.setattr(cards, "cards", lambda: [busy])
    machine = capacity.capacity(Settings())
    assert machine.usable_gib == pytest.approx(24 * 0.96 - 16)
    said = predict_render(shipped().models["flux1-dev"], [], workspace, Settings()).why
    assert f"{other.name()} (process {other.pid}) 15.0 GiB" in said
    assert "end one of them" in said


def test_what_we_hold_ourselves_is_free_for_the_next_model(three: pytest.MonkeyPatch) -> None:
    mine = Card(NEW.uuid, NEW.name, 24 * GIB, 20 * GIB, (Holder(os.getpid(), 20 * GIB),))
    three.setattr(cards, "cards", lambda: [mine])
    assert capacity.capacity(Settings()).usable_gib == pytest.approx(24 * 0.96)
    assert capacity.capacity(Settings()).holders == ()


def test_where_the_driver_does_not_say_how_much_we_hold_nothing_is_guessed(three: pytest.MonkeyPatch) -> None:
    unsaid = Card(NEW.uuid, NEW.name, 24 * GIB, 20 * GIB, (Holder(os.getpid(), None),))
    three.setattr(cards, "cards", lambda: [unsaid])
    assert capacity.capacity(Settings()).usable_gib == pytest.approx(24 * 0.96)


def test_freed_pieces_of_memory_are_joined_unless_the_user_says_otherwise(three: pytest.MonkeyPatch) -> None:
    three.delenv("PYTORCH_ALLOC_CONF", raising=False)
    three.delenv("PYTORCH_CUDA_ALLOC_CONF", raising=False)
    assert cards.environment(Settings())["PYTORCH_ALLOC_CONF"] == "expandable_segments:True"
    three.setenv("PYTORCH_CUDA_ALLOC_CONF", "backend:native")
    assert "PYTORCH_ALLOC_CONF" not in cards.environment(Settings())


def test_what_nobody_is_named_for_may_be_our_own_while_a_model_is_loaded() -> None:
    """WSL lists no processes: the 20 GiB in use are those of our own worker."""
    silent = Card(NEW.uuid, NEW.name, 24 * GIB, 20 * GIB)
    assert silent.taken(lambda pid: False, idle=False) == 0
    assert silent.taken(lambda pid: False, idle=True) == 20 * GIB


def test_what_is_named_is_counted_whether_or_not_we_are() -> None:
    busy = Card(NEW.uuid, NEW.name, 24 * GIB, 20 * GIB, (Holder(7, 6 * GIB),))
    assert busy.taken(lambda pid: False, idle=False) == 6 * GIB
    listed = Card(NEW.uuid, NEW.name, 24 * GIB, 20 * GIB, (Holder(7, 6 * GIB), Holder(8, 10 * GIB)))
    assert listed.taken(lambda pid: pid == 8, idle=False) == 10 * GIB  # the desktop has the rest


def test_a_slice_of_a_card_is_a_card(three: pytest.MonkeyPatch) -> None:
    part = Card("MIG-77", "NVIDIA A100 MIG 3g.20gb", 20 * GIB)
    three.setattr(cards, "slice_of", lambda uuid: part if uuid == part.uuid else None)
    three.setenv(cards.VISIBLE, "MIG-77")
    assert capacity.capacity(Settings()).total_gib == 20
    assert cards.environment(Settings())[cards.VISIBLE] == "MIG-77"
    three.setenv(cards.VISIBLE, "MIG-78,0")
    assert capacity.capacity(Settings()).device == "cpu"
