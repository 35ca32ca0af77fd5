"""Kills of the campaign: a few at each run, and as many as are asked for:
``pytest -m slow tests/faults/test_kill_campaign.py --kills 300``, or by itself with more to say
``python tests/faults/kill_campaign.py --kills 300``."""

from pathlib import Path

import pytest
from kill_campaign import Campaign


@pytest.mark.slow(seconds=130)
@pytest.mark.timeout(0)  # a victim that says nothing is given up by the campaign itself
@pytest.mark.parametrize(("share", "jobs"), [(0.75, 0.0), (0.25, 1.0)], ids=["small things", "jobs"])
def test_kills_at_random_moments_lose_nothing(
    tmp_path: Path, share: float, jobs: float, pytestconfig: pytest.Config
) -> None:
    kills = max(1, round(share * pytestconfig.getoption("--kills")))
    campaign = Campaign(tmp_path / "workspace", seed=kills, jobs=jobs)
    campaign.go(kills)
    assert campaign.wrong == []
    assert campaign.kills.total() >= kills
    assert campaign.ledger.ids["image"] or campaign.ledger.ids["job"]
