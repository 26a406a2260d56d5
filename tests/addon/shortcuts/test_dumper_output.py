"""`dumper_output`: each text that mitmdump prints is filtered; a dumper of another shape is left alone."""

from __future__ import annotations

import io
import logging

import pytest
from mitmproxy.addons import dumper
from mitmproxy.test import taddons

from openai_replay.proxy.shortcuts.dumper_output import filter_dumper_output
from openai_replay.request.secret_gate import SecretGate
from openai_replay.service.log_gate import LogGate

KEY = "sk-proj-aB3dEfGh1jKlMnOpQrStUvWxYz0123456789"
clean = LogGate(SecretGate()).cleaned


def test_the_lines_lose_their_secrets_until_the_output_is_given_back() -> None:
    output = io.StringIO()
    printing = dumper.Dumper(output)
    with taddons.context(printing):
        undo = filter_dumper_output(clean)
        assert printing.outfp is not output
        printing.outfp.write(f"GET http://h/v1?api-key=abc {KEY}\n")
        printing.outfp.flush()
        undo()

    assert printing.outfp is output
    assert output.getvalue() == "GET http://h/v1?api-key=REDACTED REDACTED\n"


def test_where_no_flow_is_printed_nothing_happens(caplog: pytest.LogCaptureFixture) -> None:
    with taddons.context(), caplog.at_level(logging.DEBUG):
        filter_dumper_output(clean)()
    assert caplog.records == []


def test_a_dumper_of_another_shape_is_left_alone_with_one_debug_line(
    caplog: pytest.LogCaptureFixture,
) -> None:
    class Dumper:
        """Prints in another way."""

    with taddons.context(Dumper()), caplog.at_level(logging.DEBUG):
        filter_dumper_output(clean)()
    assert [record.getMessage() for record in caplog.records] == [
        "mitmproxy is left as it is, without a filter of printed flows: found no Dumper.outfp"
    ]
