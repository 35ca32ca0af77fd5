"""Which pictures are looked at: phases, the sources' share, weights, dropped captions, warmup."""

from collections import Counter
from itertools import pairwise

import pytest

from pipelines.domain.presets import Phase, TrainingSettings
from pipelines.domain.requests import TrainItem
from pipelines.domain.shots import ImageRef
from pipelines.training.schedule import Schedule, phase_at, sampling_weights

HEAD_THEN_ALL = (Phase(name="head", share=0.6, focus="head"), Phase(name="all", share=0.4, focus="all"))


def item(name: str, **fields: object) -> TrainItem:
    return TrainItem(image=ImageRef(id=name, path=f"{name}.png"), caption=name, **fields)  # type: ignore[arg-type]


def drawn(items: list[TrainItem], steps: range, **settings: object) -> Counter[str]:
    schedule = Schedule(items, TrainingSettings(steps=1000, batch=4, **settings))  # type: ignore[arg-type]
    return Counter(items[d.index].image.id for step in steps for d in schedule.draw(step, 0))


def test_phases_follow_each_other_by_their_shares() -> None:
    names = [phase_at(HEAD_THEN_ALL, step, 10).name for step in range(10)]
    assert names == ["head"] * 6 + ["all"] * 4
    assert phase_at((), 3, 10).focus == "all"


def test_shares_that_do_not_sum_to_one_are_relative() -> None:
    phases = (Phase(name="a", share=0.2), Phase(name="b", share=0.2))
    assert [phase_at(phases, step, 4).name for step in range(4)] == ["a", "a", "b", "b"]


def test_a_head_phase_looks_at_heads_only() -> None:
    items = [item("h", focus="head"), item("b", focus="body")]
    assert set(drawn(items, range(0, 600, 10), phases=HEAD_THEN_ALL)) == {"h"}
    assert set(drawn(items, range(600, 1000, 10), phases=HEAD_THEN_ALL)) == {"h", "b"}


def test_a_phase_without_pictures_says_so_and_uses_all() -> None:
    items = [item("b", focus="body")]
    schedule = Schedule(items, TrainingSettings(phases=HEAD_THEN_ALL))
    assert schedule.warnings == ['Phase "head" wants head pictures and there are none: it uses all pictures.']
    assert [d.index for d in schedule.draw(0, 0)] == [0]


def test_two_sources_keep_their_share_against_many_others() -> None:
    items = [item(f"s{n}") for n in range(2)] + [item(f"e{n}", origin="enriched") for n in range(20)]
    counts = drawn(items, range(500), source_share=0.4)
    share = sum(n for name, n in counts.items() if name.startswith("s")) / counts.total()
    assert share == pytest.approx(0.4, abs=0.04)
    assert sum(sampling_weights(items, "all", 0.4)) == pytest.approx(1)


def test_sources_alone_are_all_there_is() -> None:
    assert sampling_weights([item("a"), item("b", weight=3.0)], "all", 0.4) == [0.25, 0.75]


def test_a_source_share_of_nothing_lets_sources_count_like_all_others() -> None:
    items = [item("s"), item("e", origin="enriched"), item("f", origin="enriched", weight=2.0)]
    assert sampling_weights(items, "all", 0.0) == [0.25, 0.25, 0.5]


def test_weights_divide_what_a_group_has() -> None:
    items = [item("s"), item("e", origin="enriched"), item("f", origin="enriched", weight=3.0)]
    assert sampling_weights(items, "all", 0.6) == pytest.approx([0.6, 0.1, 0.3])


@pytest.mark.parametrize("share", [0.0, 0.25, 1.0])
def test_captions_are_dropped_as_often_as_asked(share: float) -> None:
    schedule = Schedule([item("a")], TrainingSettings(steps=1000, caption_dropout=share))
    dropped = [d.dropped for step in range(1000) for d in schedule.draw(step, 0)]
    assert sum(dropped) / len(dropped) == pytest.approx(share, abs=0.05 if 0 < share < 1 else 0)


def test_draws_depend_on_seed_step_and_part_alone() -> None:
    items = [item(str(n)) for n in range(50)]
    one, same = (Schedule(items, TrainingSettings(batch=8, seed=5)) for _ in range(2))
    assert one.draw(3, 0) == same.draw(3, 0)
    other = Schedule(items, TrainingSettings(batch=8, seed=6))
    assert len({tuple(x) for x in (one.draw(3, 0), one.draw(4, 0), one.draw(3, 1), other.draw(3, 0))}) == 4


def test_a_cosine_falls_from_the_learning_rate_to_zero() -> None:
    schedule = Schedule([item("a")], TrainingSettings(learning_rate=1e-3, warmup=2, steps=102, lr_scheduler="cosine"))
    rates = [schedule.learning_rate(step) for step in range(102)]
    assert rates[:3] == pytest.approx([0.5e-3, 1e-3, 1e-3])
    assert rates[52] == pytest.approx(0.5e-3), "half-way"
    assert 0 < rates[-1] < 1e-6 and all(a > b for a, b in pairwise(rates[2:]))


def test_warmup_rises_to_the_learning_rate_and_stays() -> None:
    schedule = Schedule([item("a")], TrainingSettings(learning_rate=1e-3, warmup=4))
    assert [schedule.learning_rate(step) for step in (0, 1, 3, 4, 99)] == pytest.approx(
        [2.5e-4, 5e-4, 1e-3, 1e-3, 1e-3]
    )
