"""Every kind of job has all that is said and done by kind: who does it, what its end by force costs, its line in the
practice report."""

from typing import get_args

from pipelines.domain.requests import Request
from pipelines.practice.figures import STEPS
from pipelines.worker.handlers import HANDLERS
from studio.server.status import LOSES

KINDS = {get_args(kind.model_fields["kind"].annotation)[0] for kind in get_args(get_args(Request)[0])}


def test_every_kind_is_done_by_somebody() -> None:
    assert HANDLERS.keys() == KINDS


def test_every_kind_says_what_its_end_costs() -> None:
    assert LOSES.keys() == KINDS


def test_every_kind_has_its_line_in_the_practice_report() -> None:
    """Pictures and trainings are told by what they are of, not by the kind of job."""
    assert KINDS - {"render", "train"} <= STEPS.keys()
