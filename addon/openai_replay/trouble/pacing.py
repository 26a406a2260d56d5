"""Pacing of replayed answers: when the head, each piece and the end are sent, in ms after the request.

    instant                             everything at once
    recorded                            the recorded delays (of recordings made with recording_timing=true)
    2x, 0.5x                            the recorded delays, twice as fast, half as fast
    ttft=80ms,gap=12ms±20%,seed=1       made-up delays: to the first piece, and between pieces

No clock here, no socket, no mitmproxy: a plan is a tuple of numbers, and a server keeps to it.
"""

from __future__ import annotations

import math
import random
import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from itertools import accumulate

from .choices import unknown_word
from .durations import duration_ms

EXPECTED = "instant, recorded, a factor such as 2x, or ttft=80ms,gap=12ms±20%,seed=1"


@dataclass(frozen=True, slots=True)
class Spread:
    """A duration in ms that varies evenly by up to `share` of itself, `12ms±20%`."""

    ms: float = 0.0
    share: float = 0.0

    def drawn(self, numbers: random.Random) -> float:
        """Return one duration in ms."""
        return self.ms * (1 + self.share * numbers.uniform(-1, 1))


@dataclass(frozen=True, slots=True)
class MadeUpDelays:
    """Delays that do not come from the recording. `ttft`: until the first piece; `gap`: before each further one."""

    ttft: Spread = Spread()
    gap: Spread = Spread()
    seed: int = 0


@dataclass(frozen=True, slots=True)
class Pacing:
    """How fast an answer is sent: at once, or by its recorded times divided by `speed`, or by made-up delays.

    `text` is the option's value, for messages.
    """

    speed: float = math.inf
    made_up: MadeUpDelays | None = None
    text: str = field(default="", compare=False)

    def is_instant(self) -> bool:
        """Tell whether an answer goes out at once."""
        return self.made_up is None and math.isinf(self.speed)

    def needs_recorded_times(self) -> bool:
        """Tell whether a recording without times cannot be paced so."""
        return self.made_up is None and not math.isinf(self.speed)


INSTANT = Pacing()


@dataclass(frozen=True, slots=True)
class Times:
    """Sending times of an answer's parts, in ms after its request; no part is sent before an earlier part."""

    head: float
    pieces: tuple[float, ...]
    end: float

    def is_instant(self) -> bool:
        """Tell whether nothing has to wait."""
        return self.end <= 0


def parse_pacing(text: str) -> Pacing:
    """Read the value of `recording_pacing` or `X-Replay-Pacing`.

    Raises:
        ValueError: in one line, the fault and the forms that are allowed.
    """
    try:
        return replace(_parsed(text.strip()), text=text.strip())
    except ValueError as exc:
        raise ValueError(f"{exc} (expected {EXPECTED})") from exc


def _parsed(text: str) -> Pacing:
    if text == "instant":
        return INSTANT
    if text == "recorded":
        return Pacing(speed=1.0)
    if factor := _FACTOR.fullmatch(text):
        return Pacing(speed=_speed(factor[1]))
    if "=" in text:
        return Pacing(made_up=_made_up(text))
    raise ValueError(unknown_word(text, ("instant", "recorded")))


_FACTOR = re.compile(r"([0-9]+(?:\.[0-9]+)?)x", re.ASCII)


def _speed(digits: str) -> float:
    speed = float(digits)
    if speed <= 0 or math.isinf(speed):
        raise ValueError(f"expected a factor above 0, got {digits}x")
    return speed


_WORDS = ("ttft", "gap", "seed")


def _made_up(text: str) -> MadeUpDelays:
    words: dict[str, str] = {}
    for name, value in map(_word, text.split(",")):
        if name not in _WORDS:
            raise ValueError(unknown_word(name, _WORDS))
        if name in words:
            raise ValueError(f"{name}: expected it once")
        words[name] = value
    return MadeUpDelays(
        _spread(words.get("ttft", "0ms")),
        _spread(words.get("gap", "0ms")),
        whole_number(words.get("seed", "0")),
    )


def _word(part: str) -> tuple[str, str]:
    name, _, value = part.partition("=")
    return name.strip(), value.strip()


def _spread(text: str) -> Spread:
    """Read `12ms±20%`; `+-` stands for ± on keyboards and in headers without it."""
    duration, sign, share = text.replace("+-", "±").partition("±")
    if not sign:
        return Spread(duration_ms(duration))
    match = _SHARE.fullmatch(share.strip())
    if match is None or float(match[1]) > 100:
        raise ValueError(f"expected a share from 0% to 100% after ±, got {share!r}")
    return Spread(duration_ms(duration), float(match[1]) / 100)


_SHARE = re.compile(r"([0-9]+(?:\.[0-9]+)?)%", re.ASCII)


def whole_number(text: str) -> int:
    """Return a whole number from 0.

    Raises:
        ValueError: the text is no whole number, or has more than 18 digits.
    """
    if not (text.isascii() and text.isdigit() and len(text) <= 18):
        raise ValueError(f"expected a whole number, got {text!r}")
    return int(text)


def plan(pacing: Pacing, recorded_ms: Sequence[int], pieces: int, draw_key: str) -> Times:
    """Return when an answer of so many pieces is sent.

    Args:
        pacing: how fast.
        recorded_ms: the recorded times of head, pieces and end, in ms after the request; empty without them.
        pieces: how many pieces the answer has.
        draw_key: with the seed it decides the drawn delays; the same for requests that are the same.
    """
    if pacing.made_up is not None:
        return _made_up_times(pacing.made_up, pieces, draw_key)
    if pacing.is_instant() or not recorded_ms:
        return Times(0.0, (0.0,) * pieces, 0.0)
    return _recorded_times([time / pacing.speed for time in recorded_ms], pieces)


def _made_up_times(delays: MadeUpDelays, pieces: int, draw_key: str) -> Times:
    """The head comes with the first piece: so does the API's, which has nothing to send before."""
    numbers = random.Random(f"{delays.seed}\n{draw_key}")  # has to be repeatable, not secret
    first = delays.ttft.drawn(numbers)
    at = tuple(accumulate((delays.gap.drawn(numbers) for _ in range(pieces - 1)), initial=first))
    return Times(first, at[:pieces], at[-1])


def _recorded_times(recorded_ms: Sequence[float], pieces: int) -> Times:
    """Fit recorded times to an answer that an edit of the file may have made longer or shorter."""
    rising = list(accumulate(recorded_ms, max))
    head, *at, end = rising if len(rising) > 1 else (rising[0], rising[0])
    missing = pieces - len(at)
    fitted = (*at[:pieces], *([end] * missing))
    return Times(head, fitted, end)
