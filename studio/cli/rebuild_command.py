"""``flenwheel rebuild``: the records come back from the files alone."""

import argparse
from dataclasses import asdict
from pathlib import Path

from pipelines.domain.words import count
from pipelines.storage.rebuild import Report, put_away_unreadable
from pipelines.storage.rebuild import rebuild as rebuild_records
from studio.cli.answers import Answer, Told, command, in_session, workspace_of


@command
def rebuild(options: argparse.Namespace) -> Answer:
    """Restore the records from the files alone. Those that cannot be read at all are moved into backups first."""
    aside = put_away_unreadable(workspace_of(options))
    with in_session(options) as session:
        report = rebuild_records(session.workspace, session.store)
        told: Told = {**asdict(report), "put_away": str(aside or ""), "repairs": session.store.repairs}
        return told, "\n".join([*_words(report, aside), *session.store.repairs])


def _words(report: Report, aside: Path | None) -> list[str]:
    """What was done, and what could not be."""
    words = [f"The records could not be read and were moved to {aside}."] if aside else []
    tables = ", ".join(f"{number} {table}" for table, number in report.records.items())
    restored = count(sum(report.records.values()), "record")
    words.append(f"{restored} restored" + (f": {tables}." if tables else ". None were missing."))
    for paths, what in (
        (report.unreadable, "cannot be read"),
        (report.missing, "is not there; its record is not restored"),
        (report.left_out, "was not restored: no record says that it was let in; bring it in again"),
        (report.newer, "was made by a newer FLENwheel: update this one"),
    ):
        words += [f"  {path}: {what}." for path in paths]
    return words + [f"  {line}" for line in report.lost]
