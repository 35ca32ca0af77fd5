"""Face packs: which can be had for recognisers, what is known of their licences, and getting one."""

from collections.abc import Iterator
from dataclasses import dataclass

from pipelines.domain.presets import FacePack, FacePreset
from pipelines.domain.records import Job
from pipelines.domain.requests import ObtainFacesRequest
from pipelines.engine.face_download import folder_of, whole
from pipelines.queue.admission import NotAllowed
from pipelines.session import NotFound, Session
from pipelines.storage.face_packs import pack_in, packs_root


@dataclass(frozen=True)
class PackOffer:
    """A face pack. ``bytes`` are what is to be downloaded, ``place`` is where it lies or will; ``here``: all of it is
    there; ``used``: it is the one that judges. ``licence`` and ``licence_note`` are to be read before it is fetched."""

    name: str
    title: str
    licence: str
    licence_note: str
    bytes: int
    source: str
    place: str
    here: bool
    used: bool


def offers(session: Session) -> list[PackOffer]:
    """All packs that can be had, the freest first."""
    root = packs_root(session.settings.insightface_root)
    judging = pack_in(root)
    return [
        PackOffer(
            name=pack.name,
            title=pack.title,
            licence=pack.licence,
            licence_note=pack.licence_note,
            bytes=pack.bytes,
            source=pack.repo or pack.url,
            place=str(folder_of(pack, root)),
            here=whole(pack, root),
            used=judging is not None and judging.is_relative_to(folder_of(pack, root)),
        )
        for _, pack in _packs(session)
    ]


def obtain(session: Session, name: str) -> Job:
    """Download a pack, as the user asked after seeing its size and licence. Raises NotFound, and NotAllowed for one
    that is here."""
    preset, pack = next(((f, p) for f, p in _packs(session) if p.name == name), (None, None))
    if preset is None or pack is None:
        known = ", ".join(p.name for _, p in _packs(session))
        raise NotFound(f"There is no face pack {name!r} (known: {known}).")
    root = packs_root(session.settings.insightface_root)
    if whole(pack, root):
        raise NotAllowed(f"{pack.title} is here: {folder_of(pack, root)}.")
    return session.jobs.submit(ObtainFacesRequest(recogniser=preset.name, pack=name), f"Get {pack.title}")


def _packs(session: Session) -> Iterator[tuple[FacePreset, FacePack]]:
    return ((preset, pack) for preset in session.presets.faces.values() for pack in preset.packs)
