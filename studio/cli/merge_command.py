"""``flenwheel merge``: several LoRAs made into one."""

import argparse

from pipelines.workflow import merging
from studio.cli.answers import Answer, command, in_session, lora_rows, work


@command
def merge(options: argparse.Namespace) -> Answer:
    """Add LoRAs into a new one of the library; what is lost is told."""
    with in_session(options) as session:
        wanted = merging.MergeOptions(tuple(lora_rows(session, options.loras)), options.name, options.rank)
        job = merging.submit(session, wanted)
        data, words = work(session, job)
        if not data["ok"]:
            return data, words
        ended = session.jobs.job(job.id)
        return data | {"lora": ended.result["lora"], "error": ended.result["error"]}, "\n".join(ended.warnings)
