"""The script that mitmdump loads."""

from __future__ import annotations

from mitmproxy.test import taddons

from openai_replay.options import OPTIONS
from openai_replay.proxy.addon import OpenAIReplay
from support.proxy import REPLAY_SCRIPT


async def test_the_script_loads_and_registers_the_addon_with_its_options() -> None:
    with taddons.context() as tctx:
        module = tctx.script(str(REPLAY_SCRIPT))
        assert [type(addon) for addon in module.addons] == [OpenAIReplay]
        for option in OPTIONS:
            assert option.name in tctx.options
            assert tctx.options._options[option.name].help == option.help
        await module.addons[0].done()  # gives back the internals of mitmproxy that other tests look at


def test_the_script_has_nothing_that_mitmproxy_would_take_for_a_hook() -> None:
    lines = REPLAY_SCRIPT.read_text().splitlines()
    code = [line for line in lines if line and not line.startswith('"""')]
    assert code == ["from openai_replay.proxy.addon import OpenAIReplay", "addons = [OpenAIReplay()]"]
