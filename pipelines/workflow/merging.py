"""Several LoRAs made into one: by concatenation, which keeps all of them, or to a rank, with its error told."""

from dataclasses import dataclass

from pipelines.domain.bounds import MOST_RANK
from pipelines.domain.records import Job, LoraRecord
from pipelines.domain.requests import MergeRequest
from pipelines.queue.admission import NotAllowed
from pipelines.session import Session
from pipelines.workflow import loras


@dataclass(frozen=True)
class MergeOptions:
    """Which LoRAs (ids) with which weights, what the new one is called, and to which rank (``None``: the sum of
    theirs)."""

    rows: tuple[tuple[str, float], ...]
    name: str
    rank: int | None = None


def submit(session: Session, options: MergeOptions) -> Job:
    """Merge LoRAs into a new one of the library; the job's warnings tell what is lost. Raises NotFound, NotAllowed."""
    if len({lora_id for lora_id, _ in options.rows}) < 2:
        raise NotAllowed("Two different LoRAs at least are merged: name each with its weight.")
    if not options.name.strip():
        raise NotAllowed("Say what the merged LoRA is to be called.")
    if options.rank is not None and not 1 <= options.rank <= MOST_RANK:
        raise NotAllowed(f"The rank lies between 1 and {MOST_RANK}, not {options.rank}.")
    stack = loras.stack(session, options.rows)
    if all(adapter.weight == 0 for adapter in stack.adapters):
        raise NotAllowed("All weights are 0: nothing would be left.")
    found = [loras.get(session, lora_id) for lora_id, _ in options.rows]
    if any(lora.name == options.name.strip() for lora in session.store.all(LoraRecord)):
        raise NotAllowed(f"There is a LoRA {options.name.strip()!r} already: choose another name.")
    request = MergeRequest(
        family=_family(session, found),
        name=options.name.strip(),
        loras=stack.adapters,
        rank=options.rank,
        trigger=", ".join(dict.fromkeys(lora.trigger for lora in found if lora.trigger)),
    )
    return session.jobs.submit(request, f"Merge {len(found)} LoRAs into {request.name}")


def _family(session: Session, found: list[LoraRecord]) -> str:
    """The model preset that all of them fit. Raises NotAllowed."""
    wanted = {lora.id for lora in found}
    for name in session.presets.models:
        if wanted <= {lora.id for lora in loras.usable(session, name)}:
            return name
    told = ", ".join(f"{lora.name}: {lora.family}" for lora in found)
    raise NotAllowed(f"These LoRAs are not for one model, and cannot be merged ({told}).")


def beside(session: Session, lora: LoraRecord) -> list[LoraRecord]:
    """LoRAs that one can be merged with: of the same architecture and width, besides itself."""
    found = session.store.all(LoraRecord, family=lora.family)
    return [x for x in found if x.id != lora.id and (x.width == lora.width or not (x.width and lora.width))]
