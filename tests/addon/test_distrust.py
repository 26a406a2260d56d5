"""Clients that do not trust the proxy's certificate."""

import logging
from collections.abc import Iterator

import pytest
from mitmproxy import tls
from mitmproxy.options import Options
from mitmproxy.proxy.context import Context
from mitmproxy.test import taddons, tflow

from openai_replay.proxy.distrust import DistrustingClients
from openai_replay.report import Report

HOST = "api.openai.com"


@pytest.fixture(autouse=True)
def options() -> Iterator[None]:
    with taddons.context():
        yield


def client(report: Report, *, is_run: bool = False) -> DistrustingClients:
    return DistrustingClients(report, is_run)


def handshake(clients: DistrustingClients) -> str:
    """Let a client finish its handshake, and return its connection's id."""
    connection = tflow.tclient_conn()
    connection.sni = HOST
    clients.established(tls.TlsData(connection, Context(connection, Options())))
    return connection.id


def test_a_client_that_leaves_without_a_request_is_counted(caplog: pytest.LogCaptureFixture) -> None:
    report = Report()
    clients = client(report)
    for _ in range(2):
        clients.disconnected(handshake(clients))
    assert report.distrusted == {HOST: 2}
    assert [record.getMessage()[:60] for record in caplog.records] == [
        "A client finished the TLS handshake for api.openai.com and l"
    ], "advice is given once"


def test_a_client_that_asks_trusts_and_so_do_its_spare_connections(caplog: pytest.LogCaptureFixture) -> None:
    report = Report()
    clients = client(report)
    spare, used = handshake(clients), handshake(clients)
    clients.requested(used)
    clients.disconnected(used)
    clients.disconnected(spare)
    clients.disconnected("a connection without TLS")
    assert (report.distrusted, caplog.records) == ({}, [])


@pytest.mark.parametrize(("is_run", "says"), [(True, "run --base-url"), (False, "Point SSL_CERT_FILE")])
def test_the_advice_names_what_is_not_set_yet(
    is_run: bool, says: str, caplog: pytest.LogCaptureFixture
) -> None:
    report = Report()
    client(report, is_run=is_run).failed(HOST)
    assert report.distrusted == {HOST: 1}
    (record,) = caplog.records
    assert record.levelno == logging.WARNING
    assert says in record.getMessage()
    assert "mitmproxy-ca-cert.pem" in record.getMessage()


def test_a_client_whose_request_http2_forbids_trusts(caplog: pytest.LogCaptureFixture) -> None:
    report = Report()
    clients = client(report)
    forbidden = handshake(clients)
    clients.has_request()
    clients.disconnected(forbidden)
    assert (report.distrusted, caplog.records) == ({}, [])
