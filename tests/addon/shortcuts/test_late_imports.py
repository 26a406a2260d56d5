"""Libraries of mitmproxy that are imported when they are first used."""

from addon.shortcuts.test_addon_imports import output

AT_THE_START = """
import sys
from openai_replay.proxy.serve import import_all
import_all()
print(*sys.modules)
"""
USED = """
import io
from openai_replay.proxy.shortcuts.late_imports import import_late
import_late()
from mitmproxy import command, flowfilter, options, optmanager
from mitmproxy.command_lexer import quote, unquote
from mitmproxy.test import taddons, tflow
from aioquic import tls

assert flowfilter.parse("~u address:22")(tflow.tflow())
assert optmanager.parse("mode: [socks5]") == {"mode": ["socks5"]}
optmanager.serialize(options.Options(), io.StringIO(), "")
assert (quote("a b"), unquote("'a b'"), quote("a"), unquote("a")) == ('"a b"', "a b", "a", "a")
assert issubclass(tls.service_identity.CertificateError, Exception)
with taddons.context() as test:
    parts, _ = command.CommandManager(test.master).parse_partial("set 'a b' c")
    assert [part.value for part in parts if part.value.strip()] == ["set", "'a b'", "c"]
print("as ever")
"""
LATE = """
import sys, pyparsing, ruamel.yaml
from openai_replay.proxy.shortcuts.late_imports import import_late
import_late()
assert sys.modules["pyparsing"] is pyparsing
assert pyparsing.Word and ruamel.yaml.YAML
print("left alone")
"""


def test_the_start_of_a_proxy_runs_none_of_their_code() -> None:
    modules = set(output(AT_THE_START).split())
    assert "mitmproxy.command" in modules
    assert {"pyparsing.core", "ruamel.yaml.main", "service_identity.cryptography"} & modules == set()


def test_whoever_uses_them_gets_them() -> None:
    assert output(USED) == "as ever\n"


def test_libraries_that_have_been_imported_are_left_alone() -> None:
    assert output(LATE) == "left alone\n"
