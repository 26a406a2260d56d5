"""`socket_requests`: an upgrade and the POSTs in its messages, as matching sees them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from openai_replay.options import OPTIONS, settings
from openai_replay.request.upgrade import upgrade_body
from openai_replay.service.service import Run, Service
from openai_replay.service.socket_requests import Upgrade
from openai_replay.trouble.terms import NO_OWN_HEADERS

URL = "https://api.openai.com/v1/responses"
KEY = "sk-test-0123456789abcdef"


@pytest.fixture
def upgrade(folder: Path) -> Iterator[Upgrade]:
    values: dict[str, object] = {option.name: option.default for option in OPTIONS}
    service = Service.opened(Run.new({}), settings({**values, "recording_dir": str(folder)}), {})
    yield Upgrade(service, URL, upgrade_body(()), "test 1", (KEY,), NO_OWN_HEADERS)
    service.close()
    service.run.worker.close()


def test_an_upgrade_is_another_request_than_a_get_and_a_message_is_a_post(upgrade: Upgrade) -> None:
    asked, posted = upgrade.api_request(), upgrade.post({"model": "m"})
    assert (asked.method, posted.method) == ("GET", "POST")
    assert asked.name() != upgrade.service.describe("GET", URL, None, "test 1", (KEY,)).name()
    assert posted.name() == upgrade.service.describe("POST", URL, {"model": "m"}, "test 1", (KEY,)).name()


def test_secrets_of_the_upgrade_are_taken_out_of_messages(upgrade: Upgrade) -> None:
    assert KEY not in str(upgrade.redacted({"instructions": f"my key is {KEY}"}))


def test_equal_posts_have_one_fingerprint(upgrade: Upgrade) -> None:
    one, other = upgrade.fingerprint({"model": "m"}), upgrade.fingerprint({"model": "n"})
    assert one == upgrade.fingerprint({"model": "m"}) != other
