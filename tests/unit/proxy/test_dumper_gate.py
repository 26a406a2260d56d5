"""`dumper_gate`: mitmdump's lines for each flow hold no secret, as long as the gate stands."""

from __future__ import annotations

import io

from mitmproxy.addons import dumper
from mitmproxy.test import taddons

from openai_replay.proxy.dumper_gate import DumperGate
from openai_replay.request.secret_gate import SecretGate
from openai_replay.service.log_gate import LogGate

KEY = "sk-proj-aB3dEfGh1jKlMnOpQrStUvWxYz0123456789"


def test_the_lines_lose_their_secrets_until_the_gate_is_gone() -> None:
    output = io.StringIO()
    printing = dumper.Dumper(output)
    with taddons.context(printing):
        gate = DumperGate(LogGate(SecretGate()))
        gate.install()
        assert printing.outfp is not output
        printing.outfp.write(f"GET http://h/v1?api-key=abc {KEY}\n")
        printing.outfp.flush()
        gate.uninstall()

    assert printing.outfp is output
    assert output.getvalue() == "GET http://h/v1?api-key=REDACTED REDACTED\n"


def test_a_program_without_such_lines_is_left_alone() -> None:
    with taddons.context():
        gate = DumperGate(LogGate(SecretGate()))
        gate.install()
        gate.uninstall()
        assert gate._output is None
