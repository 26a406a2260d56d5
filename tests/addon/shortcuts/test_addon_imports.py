"""mitmproxy's addons, imported one by one."""

import subprocess
import sys

FEW = """
import sys
from openai_replay.proxy.shortcuts.addon_imports import import_addons_singly
import_addons_singly()
from mitmproxy.addons import core
assert core.Core
print(*(name for name in sys.modules if name.startswith("mitmproxy.addons.")))
"""
ALL = """
from openai_replay.proxy.shortcuts.addon_imports import import_addons_singly
import_addons_singly()
from mitmproxy import addons
from mitmproxy.addons import core, dumper
names = {type(addon).__name__ for addon in addons.default_addons()}
assert {"Core", "Onboarding", "ScriptLoader"} <= names, names
assert type(addons.default_addons()[0]) is core.Core or core.Core in map(type, addons.default_addons())
try:
    addons.no_such_addon
except AttributeError:
    print("as ever")
"""
LATE = """
import mitmproxy.addons
before = mitmproxy.addons
from openai_replay.proxy.shortcuts.addon_imports import import_addons_singly
import_addons_singly()
import sys
assert sys.modules["mitmproxy.addons"] is before
print("left alone")
"""


def output(code: str) -> str:
    environment = {"PYTHONPATH": ":".join(path for path in sys.path if path)}
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False, env=environment
    )
    assert result.returncode == 0, result.stderr
    return result.stdout


def test_one_addon_brings_no_other() -> None:
    modules = output(FEW).split()
    assert "mitmproxy.addons.core" in modules
    assert "mitmproxy.addons.onboarding" not in modules


def test_whoever_wants_the_whole_package_gets_it() -> None:
    assert output(ALL) == "as ever\n"


def test_a_package_that_has_been_imported_is_left_alone() -> None:
    assert output(LATE) == "left alone\n"
