"""All that a test let out, searched for keys, secrets and tokens."""

from __future__ import annotations

import io
import re
from dataclasses import dataclass, field

TOKEN = re.compile(r"eyJ[\w-]{10,}\.[\w-]{10,}")


@dataclass
class Outputs:
    """Texts that were printed, logged, written, raised and shown in the process list.

    Attributes:
        secrets: what may be in none of it; tokens are known by their form.
        log: all that is logged, at any level.
    """

    secrets: set[str] = field(default_factory=set)
    log: io.StringIO = field(default_factory=io.StringIO)
    texts: list[tuple[str, str]] = field(default_factory=list)

    def add(self, where: str, text: str) -> None:
        self.texts.append((where, text))

    def leaks(self) -> list[str]:
        """Return the places of secrets, each with the words before it."""
        found = []
        for where, text in self.texts:
            places = [match.start() for match in TOKEN.finditer(text)]
            places += [text.index(secret) for secret in self.secrets if secret in text]
            found += [f"{where}: {text[max(place - 80, 0) : place + 24]!r}" for place in places]
        return found
