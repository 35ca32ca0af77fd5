"""The practice characters: a fixed few of the mini world, by number and seed. Without torch: the page lists them."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Practice:
    """One practice character: what users see (``number``, ``name``, ``looks``) and the seed it comes from."""

    number: int
    name: str
    seed: int
    looks: str


CAST = (
    Practice(1, "Ada", 48, "brown curly hair, blue eyes, tan skin, round glasses, earrings"),
    Practice(2, "Bo", 41, "brown short hair, grey eyes, tan skin, full beard, scar, headband"),
    Practice(3, "Cleo", 86, "black bun, blue eyes, dark skin, freckles, earrings"),
    Practice(4, "Dot", 59, "purple pigtails, brown eyes, light skin, round glasses"),
    Practice(5, "Emil", 66, "red quiff, green eyes, pale skin, round glasses, full beard, mole"),
    Practice(6, "Fay", 16, "red bob, green eyes, light skin, freckles"),
    Practice(7, "Gus", 42, "black quiff, blue eyes, brown skin, goatee"),
    Practice(8, "Hana", 31, "black bob, violet eyes, pale skin, striped cheeks, headband"),
    Practice(9, "Ivo", 56, "white long hair, amber eyes, blue skin, headband"),
    Practice(10, "June", 63, "blond pigtails, green eyes, tan skin, headband"),
)


UNNAMED = 1_000_000
"""Numbers from here on are seeds of people whom nobody has named: to measure with more than the cast."""


def member(number: int) -> Practice:
    """The practice character of this number, or the unnamed one of that seed. ``KeyError`` in words for no number."""
    if number >= UNNAMED:
        return Practice(number, f"Nobody {number}", number, "")
    found = [practice for practice in CAST if practice.number == number]
    if not found:
        raise KeyError(f"no practice character {number}: 1 to {len(CAST)}")
    return found[0]
