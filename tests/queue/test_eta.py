"""The estimate of the time left, with a clock of our own."""

import pytest

from pipelines.queue.eta import Eta


class Clock:
    """Seconds that pass when told."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


def test_nothing_is_known_before_anything_was_measured(clock: Clock) -> None:
    eta = Eta(clock)
    assert eta.seconds_left() is None
    eta.begin(10, 0)
    clock.now += 60  # loading
    assert eta.seconds_left() is None


def test_average_of_finished_units_times_what_remains(clock: Clock) -> None:
    eta = Eta(clock)
    eta.begin(10, 0)
    for done in (1, 2, 3):
        clock.now += 4
        eta.advance(done)
    assert eta.seconds_left() == pytest.approx(28)
    clock.now += 1
    assert eta.seconds_left() == pytest.approx(27)
    clock.now += 100  # slower than thought: never below what the other units need
    assert eta.seconds_left() == pytest.approx(24)


def test_the_average_moves(clock: Clock) -> None:
    eta = Eta(clock)
    eta.begin(100, 0)
    for done in range(1, 41):
        clock.now += 10 if done <= 20 else 1
        eta.advance(done)
    assert eta.seconds_left() == pytest.approx(60)


def test_steps_of_the_first_picture_give_a_first_estimate_without_loading(clock: Clock) -> None:
    eta = Eta(clock)
    eta.begin(3, 0)
    clock.now += 500  # loading
    for k in range(1, 6):
        clock.now += 2
        eta.step(k, 10)
    assert eta.seconds_left() == pytest.approx(60 - 10)


def test_existing_units_do_not_make_it_look_fast(clock: Clock) -> None:
    eta = Eta(clock)
    eta.begin(20, 15)
    for done in range(1, 16):
        eta.advance(done)  # told again, in no time
    assert eta.seconds_left() is None
    clock.now += 5
    eta.advance(16)
    assert eta.seconds_left() == pytest.approx(20)


def test_units_that_come_several_at_once_share_the_time(clock: Clock) -> None:
    eta = Eta(clock)
    eta.begin(100, 0)
    clock.now += 10
    eta.advance(10)
    assert eta.seconds_left() == pytest.approx(90)


def test_a_pause_does_not_count(clock: Clock) -> None:
    eta = Eta(clock)
    eta.begin(3, 0)
    clock.now += 4
    eta.advance(1)
    clock.now += 1000
    eta.pause(1000)
    clock.now += 4
    eta.advance(2)
    assert eta.seconds_left() == pytest.approx(4)


def test_nothing_is_left_at_the_end(clock: Clock) -> None:
    eta = Eta(clock)
    eta.begin(1, 0)
    clock.now += 1
    eta.advance(1)
    assert eta.seconds_left() is None
