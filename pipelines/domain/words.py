"""Numbers in sentences."""


def count(n: int, what: str, many: str = "") -> str:
    """``1 picture``, ``2 pictures``; ``many`` for a word that does not take an s."""
    return f"{n} {what if n == 1 else many or f'{what}s'}"
