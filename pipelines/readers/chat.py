"""A question with its pictures as a chat model is sent it; the same for answers that are scored and for captions that
are written. Without torch."""

from typing import Any


def messages(prompt: str, pictures: int) -> list[dict[str, Any]]:
    """One turn of the user: the pictures, numbered where there are several (1 and up), then the words."""
    content: list[dict[str, Any]] = []
    for number in range(1, pictures + 1):
        if pictures > 1:
            content.append({"type": "text", "text": f"Picture {number}: "})
        content.append({"type": "image"})
    return [{"role": "user", "content": [*content, {"type": "text", "text": prompt}]}]
