"""A script says its messages in order, and waits where it must."""

from __future__ import annotations

from openai_replay.mock.conversation import AwaitMessages, Close, Echo, Script


def test_a_script_waits_for_as_many_messages_as_it_says() -> None:
    script = Script(["first", AwaitMessages(2), "second", Close(1000, "done")])
    said = [script.say(), script.say()]
    script.hear("one")
    said.append(script.say())
    script.hear("two")

    assert [*said, script.say(), script.say(), script.say()] == [
        "first",
        None,
        None,
        "second",
        Close(1000, "done"),
        None,
    ]


def test_an_echo_says_each_message_again() -> None:
    echo = Echo()
    echo.hear("text")
    echo.hear(b"bytes")

    assert [echo.say(), echo.say(), echo.say()] == ["text", b"bytes", None]
