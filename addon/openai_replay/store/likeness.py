"""Find the recordings that are most like a request, among very many: by the values that they share, and by words.

Theory of operation. A body is cut into its leaves: a path and a value each, list positions left out of the path. Two
bodies differ in about as many places as they have leaves that the other lacks. Each leaf is a number (a hash), and a
recording is kept in the index as the packed numbers of its leaves. `Neighbours` turns that around once: from a leaf to
the recordings that hold it.

Most leaves (the model, the system prompt) are in nearly all recordings. Going through these would cost as much as going
through all recordings, so a leaf that more than half of them hold is counted for all, and subtracted for the few
recordings without it.

Where one text differs, all recordings of one shape share the same number of leaves. Their texts decide then: a text of
the request is looked up word by word, rare words first, among the texts that recordings have at its path. A word that
no recording has is looked up by its letters, three at a time.

An example. 10,000 recordings ask "Translate <word> into Greek", each another word, and the request asks "Translate tha
word cat into Greek". All differ from it in one leaf. "translate", "into" and "Greek" are in all texts and tell nothing;
"cat" is in one, which is the nearest.
"""

from __future__ import annotations

import heapq
import re
import struct
import zlib
from array import array
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from operator import itemgetter

from ..format.recording import JSON

# A request of more leaves than this is known by its first ones.
_MOST_LEAVES = 1024

# So much of a text is kept in the index: of a longer one its beginning and its end.
_HALF_OF_TEXT = 2000

# So many steps through lists of holders are made for one text, rare words first.
_MOST_STEPS = 20_000

# How many texts, and how many words in place of an unknown one, are looked at.
_MOST_TEXTS = 48
_MOST_WORDS = 12

# So many letters of two texts are compared one by one, where they differ.
_MOST_COMPARED = 2000

_WORD = re.compile(r"\w+")

type Leaf = int
type _Scalar = str | int | float | bool | None


@dataclass(frozen=True, slots=True)
class Sketch:
    """A body in short: its leaves, packed, and the texts among them as {leaf: (path, text)}."""

    packed: bytes
    texts: Mapping[Leaf, tuple[str, str]]


def sketch(body: JSON) -> Sketch:
    """Return the sketch of a body."""
    leaves: list[Leaf] = []
    texts: dict[Leaf, tuple[str, str]] = {}
    found: list[tuple[str, _Scalar]] = []
    _collect_leaves(body, "", found)
    for path, value in found:
        leaf = _number(f"{path}={value!r}")
        leaves.append(leaf)
        if isinstance(value, str):
            texts[leaf] = (path, _shortened(value))
    return Sketch(struct.pack(f"<{len(leaves)}q", *leaves), texts)


def _number(text: str) -> Leaf:
    # Two checksums, of which neither alone would do: a real hash takes five times as long, and likeness needs none.
    octets = text.encode("utf-8", "surrogatepass")
    return (zlib.adler32(octets) << 31) ^ zlib.crc32(octets)


def _shortened(text: str) -> str:
    return text if len(text) <= 2 * _HALF_OF_TEXT else f"{text[:_HALF_OF_TEXT]} {text[-_HALF_OF_TEXT:]}"


def _collect_leaves(value: JSON, path: str, found: list[tuple[str, _Scalar]]) -> None:
    if len(found) >= _MOST_LEAVES:
        return
    if isinstance(value, dict):
        for name, item in value.items():
            _collect_leaves(item, f"{path}.{name}", found)
    elif isinstance(value, list):
        for item in value:
            _collect_leaves(item, f"{path}[]", found)
    else:
        found.append((path, int(value) if isinstance(value, float) and value.is_integer() else value))


def likeness(one: Sketch, other: Sketch) -> float:
    """Return how much two bodies share, from 0 (nothing) to 1 (all): leaves, and words of the texts at one path."""
    leaves, others = set(array("q", one.packed)), set(array("q", other.packed))
    lacking = {place: words(text) for leaf, (place, text) in other.texts.items() if leaf not in leaves}
    shared = float(len(leaves & others))
    paired = 0
    for leaf, (place, text) in one.texts.items():
        if leaf not in others and (rest := lacking.pop(place, None)) is not None:
            own = words(text)
            shared += len(own & rest) / len(own | rest) if own | rest else 0
            paired += 1
    union = len(leaves | others) - paired
    return shared / union if union else 1.0


class Neighbours:
    """The recordings of one endpoint, to be looked up by their likeness to a request."""

    def __init__(
        self,
        recordings: Iterable[tuple[str, str | None, bytes]],
        texts: Iterable[tuple[Leaf, str, str]],
    ) -> None:
        """Take (path, test id, packed sketch) of each recording, and (leaf, path in the body, text) of each text."""
        self._paths: list[str] = []
        self._tests: defaultdict[str | None, set[int]] = defaultdict(set)
        self._sizes = array("q")
        self._holders: defaultdict[Leaf, array[int]] = defaultdict(_numbers)
        self._lacking: dict[Leaf, list[int]] = {}
        for number, (path, test_id, packed) in enumerate(recordings):
            leaves = set(array("q", packed))
            self._paths.append(path)
            self._tests[test_id].add(number)
            self._sizes.append(len(leaves))
            for leaf in leaves:
                self._holders[leaf].append(number)
        self._texts_by_path: defaultdict[str, _Texts] = defaultdict(_Texts)
        for leaf, place, text in texts:
            if leaf in self._holders:
                self._texts_by_path[place].add(leaf, text)

    def nearest(self, wanted: Sketch, test_id: str | None, count: int) -> list[str]:
        """Return the paths of about so many recordings, the nearest first: of the same test if it has any."""
        same_test = self._tests.get(test_id)
        is_eligible = None if same_test is None or len(same_test) == len(self._paths) else same_test
        leaves = set(array("q", wanted.packed))
        shared, common = self._shared(leaves)
        likeness = self._likeness_of_texts(wanted)
        numbers = (
            shared.keys()
            | likeness.keys()
            | set(self._smallest[: 4 * count])
            | set(heapq.nsmallest(4 * count, is_eligible or ()))
        )

        def rank(number: int) -> tuple[int, int, str]:
            places = len(leaves) + self._sizes[number] - 2 * (common + shared[number])
            return (places, -likeness[number], self._paths[number])

        eligible = numbers if is_eligible is None else numbers & is_eligible
        return [self._paths[number] for number in heapq.nsmallest(count, eligible, key=rank)]

    @cached_property
    def _smallest(self) -> list[int]:
        """The recordings' numbers, fewest leaves first."""
        return sorted(range(len(self._sizes)), key=self._sizes.__getitem__)

    def _shared(self, leaves: Iterable[Leaf]) -> tuple[Counter[int], int]:
        """Return how many leaves recordings share with a request, as a difference to a number that is common to all."""
        shared: Counter[int] = Counter()
        common = 0
        for leaf in leaves:
            holders = self._holders.get(leaf, ())
            if 2 * len(holders) > len(self._paths):
                common += 1
                if len(holders) < len(self._paths):
                    shared.subtract(self._without(leaf))
            else:
                shared.update(holders)
        return shared, common

    def _without(self, leaf: Leaf) -> list[int]:
        if leaf not in self._lacking:
            self._lacking[leaf] = sorted(set(range(len(self._paths))).difference(self._holders[leaf]))
        return self._lacking[leaf]

    def _likeness_of_texts(self, wanted: Sketch) -> Counter[int]:
        """Score recordings by how similar their texts are to the texts of a request that they lack."""
        likeness: Counter[int] = Counter()
        for leaf, (place, text) in wanted.texts.items():
            if leaf in self._holders or place not in self._texts_by_path:
                continue
            for other, score in self._texts_by_path[place].like(text):
                for number in self._holders[other]:
                    likeness[number] += score
        return likeness


class _Texts:
    """The texts at one path of the bodies, to be looked up by their words."""

    def __init__(self) -> None:
        self._texts: list[tuple[Leaf, str]] = []
        self._holders: defaultdict[str, array[int]] = defaultdict(_numbers)

    def add(self, leaf: Leaf, text: str) -> None:
        """Add a text."""
        number = len(self._texts)
        self._texts.append((leaf, text))
        for word in words(text):
            self._holders[word].append(number)

    def like(self, text: str) -> list[tuple[Leaf, int]]:
        """Return the most alike texts, each with a score that is higher the nearer it is."""
        scores = self._scores(text)
        found = heapq.nlargest(_MOST_TEXTS, scores.items(), key=itemgetter(1))
        return [
            (leaf, max(1, 2 * len(text) + 1 - distance(text, other)))
            for leaf, other in (self._texts[number] for number, _ in found)
        ]

    def _scores(self, text: str) -> Counter[int]:
        """Return for texts about how many letters of their words a text shares with them."""
        scores: Counter[int] = Counter()
        steps = 0
        for count, word, others in sorted(map(self._found, words(text))):
            steps += count
            if scores and (steps > _MOST_STEPS or count >= len(self._texts)):
                break
            scores.update(self._letters_shared(word, others))
        return scores

    def _found(self, word: str) -> tuple[int, str, list[str]]:
        """Return how many texts have a word, the word, and the words that stand for it: like ones if none has it."""
        others = [word] if word in self._holders else self._like_words(word)
        return sum(len(self._holders[other]) for other in others), word, others

    def _letters_shared(self, word: str, others: Iterable[str]) -> Mapping[int, int]:
        """Return for each text with one of some words, the most alike first, how many letters of a word it has."""
        found: dict[int, int] = {}
        for other in others:
            letters = max(1, len(word) - distance(word, other))
            for number in self._holders[other][:_MOST_STEPS]:
                found.setdefault(number, letters)
        return found

    def _like_words(self, word: str) -> list[str]:
        scores: Counter[str] = Counter()
        lists = sorted((self._by_letters.get(letters, []) for letters in _in_threes(word)), key=len)
        steps = 0
        for holders in lists:
            steps += len(holders)
            if steps > _MOST_STEPS:
                break
            scores.update(holders)
        found = heapq.nlargest(4 * _MOST_WORDS, scores.items(), key=itemgetter(1))
        return heapq.nsmallest(
            _MOST_WORDS, map(itemgetter(0), found), key=lambda other: distance(word, other)
        )

    @cached_property
    def _by_letters(self) -> dict[str, list[str]]:
        """The words of the texts by each three letters in them."""
        found: defaultdict[str, list[str]] = defaultdict(list)
        for word in self._holders:
            for letters in _in_threes(word):
                found[letters].append(word)
        return found


def words(text: str) -> set[str]:
    """Return the different words of a text."""
    return set(_WORD.findall(text))


def _in_threes(word: str) -> set[str]:
    """Return each three letters in a row of a word, its beginning and its end marked."""
    marked = f" {word} "
    return {marked[at : at + 3] for at in range(len(marked) - 2)}


def _numbers() -> array[int]:
    return array("q")


def distance(one: str, other: str) -> int:
    """Return how many letters must be put in, taken out or replaced to make one text of the other.

    Of longer ones the first `_MOST_COMPARED` letters from the first difference on are compared, and their lengths. This
    is the bit-parallel algorithm of Myers (1999) as simplified by Hyyrö (2001), with an integer for each column.
    """
    one, other = _without_common_ends(one, other)
    beyond = abs(max(len(one), _MOST_COMPARED) - max(len(other), _MOST_COMPARED))
    one, other = one[:_MOST_COMPARED], other[:_MOST_COMPARED]
    if not one or not other:
        return len(one) + len(other) + beyond
    masks: defaultdict[str, int] = defaultdict(int)
    for place, letter in enumerate(one):
        masks[letter] |= 1 << place
    every, last = (1 << len(one)) - 1, 1 << (len(one) - 1)
    more, less, result = every, 0, len(one)
    for letter in other:
        equal = masks.get(letter, 0)
        diagonal = ((((equal & more) + more) ^ more) | equal | less) & every
        up, down = (less | ~(diagonal | more)) & every, more & diagonal
        result += bool(up & last) - bool(down & last)
        up, down = ((up << 1) | 1) & every, (down << 1) & every
        more, less = (down | ~(diagonal | up)) & every, up & diagonal
    return result + beyond


def _without_common_ends(one: str, other: str) -> tuple[str, str]:
    """Return two texts without their common beginning and their common end."""
    start = _common(one, other)
    one, other = one[start:], other[start:]
    end = _common(one[::-1], other[::-1])
    return one[: len(one) - end], other[: len(other) - end]


def _common(one: Sequence[str], other: Sequence[str]) -> int:
    """Return the length of the common beginning, halving the range in which it ends."""
    low, high = 0, min(len(one), len(other))
    while low < high:
        middle = (low + high + 1) // 2
        if one[low:middle] == other[low:middle]:
            low = middle
        else:
            high = middle - 1
    return low
