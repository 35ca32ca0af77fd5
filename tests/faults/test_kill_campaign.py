"""A few kills of the campaign; the whole of it: ``python tests/faults/kill_campaign.py --kills 300``."""

from pathlib import Path

import pytest
from kill_campaign import Campaign


@pytest.mark.slow
@pytest.mark.timeout(1800)
@pytest.mark.parametrize(("kills", "jobs"), [(15, 0.0), (5, 1.0)], ids=["small things", "jobs"])
def test_kills_at_random_moments_lose_nothing(tmp_path: Path, kills: int, jobs: float) -> None:
    campaign = Campaign(tmp_path / "workspace", seed=kills, jobs=jobs)
    campaign.go(kills)
    assert campaign.wrong == []
    assert campaign.kills.total() >= kills
    assert campaign.ledger.ids["image"] or campaign.ledger.ids["job"]
