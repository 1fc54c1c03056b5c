"""Places inside a JSON document: `$.customer.email`, `$.items[0]."odd key"`."""

from __future__ import annotations

import re
from dataclasses import dataclass

_STEP = re.compile(
    r'\.(?P<name>[^\W\d][\w-]*)|\."(?P<quoted>[^"\\\x00-\x1f]+)"|\[(?P<index>\d{1,6})\]'
)


@dataclass(frozen=True, slots=True)
class JsonPath:
    """The way from the document to one value: keys and positions counted from 0."""

    steps: tuple[str | int, ...]

    def __str__(self) -> str:
        return "$" + "".join(
            f"[{step}]" if isinstance(step, int) else f'."{step}"' for step in self.steps
        )

    @property
    def above(self) -> tuple[JsonPath, ...]:
        """Every place on the way, the document itself first."""
        return tuple(JsonPath(self.steps[:count]) for count in range(len(self.steps)))

    @property
    def taken(self) -> tuple[tuple[JsonPath, str | int], ...]:
        """Every place on the way, with the step taken from it."""
        return tuple(zip(self.above, self.steps, strict=True))

    def inside(self, other: JsonPath) -> bool:
        """TRUE where `other` is this place or one on the way to it."""
        return self.steps[: len(other.steps)] == other.steps


def parse_json_path(text: str) -> JsonPath:
    """The place named by `text`; ValueError with a sentence where it is none."""
    if "[*]" in text or ".*" in text:
        raise ValueError(
            f'"{text}": * is not read; name the position ("$.items[0]"), or mask the whole: '
            '"$.items" = "empty"'
        )
    steps: list[str | int] = []
    position = 1
    while found := _STEP.match(text, position):
        index = found["index"]
        steps.append(int(index) if index else found["name"] or found["quoted"])
        position = found.end()
    if not text.startswith("$") or position != len(text) or not steps:
        raise ValueError(f'"{text}" is no place in a document; write "$.customer.email"')
    return JsonPath(tuple(steps))
