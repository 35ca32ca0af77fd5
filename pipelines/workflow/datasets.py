"""Versions of datasets: v1, v2, ...; nothing is overwritten, and what training has used is frozen."""

from collections.abc import Iterable

from pipelines.domain.records import DatasetKind, DatasetVersion, ImageRecord
from pipelines.session import Session


def number(version: str) -> int:
    """3 for ``v3``; 0 for what is no version, so that one odd record stops nothing."""
    digits = version.removeprefix("v")
    return int(digits) if digits.isascii() and digits.isdigit() and len(digits) < 10 else 0


def following(versions: Iterable[str]) -> str:
    """The version after the highest of ``versions``: ``v1`` for none."""
    return f"v{max(map(number, versions), default=0) + 1}"


def versions(session: Session, character: str, kind: DatasetKind) -> list[DatasetVersion]:
    """All versions of a dataset, oldest first."""
    found = session.store.all(DatasetVersion, character=character, kind=kind)
    return sorted(found, key=lambda d: number(d.version))


def open_version(session: Session, character: str, kind: DatasetKind) -> str:
    """The version that new pictures go into: the newest that training has not used, else the next."""
    known = versions(session, character, kind)
    if known and not known[-1].frozen:
        return known[-1].version
    return following(d.version for d in known)


def include(session: Session, character: str, kind: DatasetKind, version: str, images: Iterable[str]) -> DatasetVersion:
    """Add pictures to a version, which comes into being if need be. Raises ValueError when it is frozen."""
    with session.store.alone():
        dataset = including(session, character, kind, version, images)
        session.store.put(dataset)
    return dataset


def including(
    session: Session, character: str, kind: DatasetKind, version: str, images: Iterable[str]
) -> DatasetVersion:
    """The version with these pictures in it, as it is to be kept. Raises ValueError when it is frozen."""
    dataset_id = f"{character}/{kind}/{version}"
    dataset = session.store.get(DatasetVersion, dataset_id) or DatasetVersion(
        id=dataset_id, character=character, kind=kind, version=version
    )
    if dataset.frozen:
        raise ValueError(f"{dataset_id} is frozen: a training has used it. New pictures go into the next version.")
    return dataset.model_copy(update={"images": tuple(dict.fromkeys((*dataset.images, *images)))})


def holding(session: Session, character: str, images: Iterable[str]) -> list[DatasetVersion]:
    """Every version of a character that one of these pictures (ids) belongs to."""
    used = set(images)
    return [d for d in session.store.all(DatasetVersion, character=character) if used.intersection(d.images)]


def pictures(session: Session, character: str, kind: str, version: str | None = None) -> list[ImageRecord]:
    """Pictures of one kind in the order they were made; of one version when it is given."""
    if version is None:
        return session.store.all(ImageRecord, character=character, kind=kind)
    return session.store.all(ImageRecord, character=character, kind=kind, version=version)
