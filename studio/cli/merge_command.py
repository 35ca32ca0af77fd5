"""``flenwheel merge``: several LoRAs made into one."""

import argparse

from pipelines.domain.bounds import Rank
from pipelines.domain.records import Job
from pipelines.workflow import merging
from studio.cli.answers import Answer, command, in_session_or_beside, lora_rows, work
from studio.cli.values import number


def options(p: argparse.ArgumentParser) -> None:
    """What ``merge`` takes."""
    p.add_argument("loras", nargs="+", metavar="NAME=WEIGHT", help="two or more LoRAs of one model")
    p.add_argument("--name", required=True, help="what the new LoRA is called")
    p.add_argument("--rank", type=number(Rank), help="keep the best of this rank (default: all, their ranks add up)")


@command
def merge(options: argparse.Namespace) -> Answer:
    """Add LoRAs into a new one of the library; what is lost is told."""
    with in_session_or_beside(options) as session:
        wanted = merging.MergeOptions(tuple(lora_rows(session, options.loras)), options.name, options.rank)
        data, words = work(session, merging.submit(session, wanted))
        if not data["ok"]:
            return data, words
        ended = Job.model_validate(_told(data["job"]) | {"request": {}})
        return data | {"lora": ended.result["lora"], "error": ended.result["error"]}, "\n".join(ended.warnings)


def _told(job: object) -> dict[str, object]:
    """A job as ``work`` tells of it."""
    return job if isinstance(job, dict) else {}
