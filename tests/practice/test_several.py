"""Practice with few sources, over several characters, with handlers that need no model."""

from pathlib import Path

import pytest
from test_practice_run import at, waiting

from pipelines.domain.rates import wilson
from pipelines.domain.records import Character, ImageRecord
from pipelines.practice import several
from pipelines.practice.figures import figures
from pipelines.practice.run import PracticeRun, Wish
from pipelines.workflow import few_sources, sources
from pipelines.workflow.sources import angle_of


@pytest.mark.slow
def test_two_characters_of_three_sources(workspace_root: Path) -> None:
    with at(workspace_root) as session:
        found = []
        for number in (3, 4):
            wish = Wish(number, rounds=1, error=0.0, sources=3)
            character = PracticeRun(session, wish, follow=waiting(session)).go()
            assert [angle_of(s) for s in sources.sources(session, character.id)] == ["front", "half-left", "half-right"]
            made = session.store.all(ImageRecord, character=character.id, kind="enriched")
            assert {"angle/profile-left", "angle/profile-right"} < {i.shot.purpose.cell for i in made if i.shot}
            assert len(made) > 3 * 4, "more of each than of twelve"
            assert few_sources.few_here(session, character.id)
            found.append(figures(session, character.id))
        (first,) = several.rounds(found)
        right = sum(told.cards[0].rate.right for told in found)
        assert (first.decided.right, first.decided.total) == (right, 46) == (sum(first.each), 46)
        assert (first.decided.low, first.decided.high) == wilson(right, 46)
        assert several.words(found, 3)[0] == "2 characters, 3 sources each:"
        # another number of sources is another run, the same number goes on with what is there
        PracticeRun(session, Wish(3, rounds=1, error=0.0, sources=3), follow=waiting(session)).go()
        assert len([c for c in session.store.all(Character) if c.practice == 3]) == 1
        PracticeRun(session, Wish(3, rounds=1, error=0.0), follow=waiting(session)).go()
        assert len([c for c in session.store.all(Character) if c.practice == 3]) == 2


def test_one_source_is_not_calibrated_and_goes_all_the_way(workspace_root: Path) -> None:
    with at(workspace_root) as session:
        character = PracticeRun(session, Wish(3, rounds=1, error=0.0, sources=1), follow=waiting(session)).go()
        assert figures(session, character.id).cards[0].rate.total == 23
