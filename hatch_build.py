"""Puts the script that mitmdump loads into the wheel.

A checkout has it as addon/replay.py. An installed package has no checkout, so the wheel carries a copy, in a folder of
its own: mitmproxy puts a script's folder first on sys.path, where any neighbour would become a global name. An editable
install has the checkout and gets no copy, which would be a second place named openai_replay.
"""

from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class AddonScript(BuildHookInterface[Any]):
    """Adds addon/replay.py to the standard wheel as openai_replay/_script/replay.py."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Extend what goes into the wheel; `version` is "standard" or "editable"."""
        if version == "standard":
            build_data["force_include"]["addon/replay.py"] = "openai_replay/_script/replay.py"
