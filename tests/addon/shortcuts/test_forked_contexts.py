"""`forked_contexts`: a fork shares the connections, and has a list of layers for itself."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from mitmproxy.proxy import context, layer
from mitmproxy.test import taddons, tflow

from openai_replay.proxy.shortcuts.forked_contexts import fork_without_server


@pytest.fixture
def given() -> Iterator[context.Context]:
    with taddons.context() as master:
        given = context.Context(tflow.tclient_conn(), master.options)
        layer.NextLayer(given)
        undo = fork_without_server()
        yield given
        undo()


def test_a_fork_shares_the_connections(given: context.Context) -> None:
    forked = given.fork()
    assert vars(forked) == vars(given)
    assert (forked.client, forked.server) == (given.client, given.server)


def test_a_layer_of_a_fork_is_not_in_the_context_itself(given: context.Context) -> None:
    forked = given.fork()
    forked.layers.append(layer.NextLayer(given))
    assert given.layers == []


def test_a_context_with_more_members_is_forked_as_before(given: context.Context) -> None:
    vars(given)["more"] = "of a user's script"
    forked = given.fork()
    assert "more" not in vars(forked)
    assert forked.server is given.server
