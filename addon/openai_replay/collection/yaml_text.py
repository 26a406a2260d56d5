"""Fast reader of YAML as VCR tools write it, with the tags that their languages add.

`!!binary` and Ruby's `!binary` become bytes. Tags of Ruby and Python objects are dropped and the value under them is
kept; an object around one value, such as the header names of aiohttp, becomes that value. Dates stay texts: JSON has
none. Nothing is ever executed.
"""

from __future__ import annotations

import base64
import binascii

import yaml

_BINARY_TAGS = ("tag:yaml.org,2002:binary", "!binary")
_PYTHON = "tag:yaml.org,2002:python/"


class _Loader(yaml.CSafeLoader if yaml.__with_libyaml__ else yaml.SafeLoader):  # type: ignore[misc]
    """The safe loader, with the tags that cassettes use."""


def _binary(loader: yaml.SafeLoader, node: yaml.Node) -> bytes:
    text = "".join(str(node.value).split())
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as exc:
        raise yaml.constructor.ConstructorError(
            None, None, f"expected base64, {exc}", node.start_mark
        ) from exc


def _untagged(loader: yaml.SafeLoader, suffix: str, node: yaml.Node) -> object:
    if isinstance(node, yaml.MappingNode):
        return loader.construct_mapping(node, deep=True)
    if isinstance(node, yaml.SequenceNode):
        return loader.construct_sequence(node, deep=True)
    return loader.construct_scalar(node)  # type: ignore[arg-type]  # only scalar nodes are left


def _called(loader: yaml.SafeLoader, suffix: str, node: yaml.Node) -> object:
    """Return the value of a Python object that PyYAML wrote as a call: its members, or its one argument."""
    value = _untagged(loader, suffix, node)
    if isinstance(value, dict) and "dictitems" in value:
        return value["dictitems"]
    arguments = value.get("args") if isinstance(value, dict) else value
    return arguments[0] if isinstance(arguments, list) and len(arguments) == 1 else value


def _text(loader: yaml.SafeLoader, node: yaml.ScalarNode) -> object:
    return loader.construct_scalar(node)


for _tag in _BINARY_TAGS:
    _Loader.add_constructor(_tag, _binary)
_Loader.add_constructor("tag:yaml.org,2002:value", _text)  # a lone "="
_Loader.add_constructor("tag:yaml.org,2002:timestamp", _text)
_Loader.add_multi_constructor("!", _untagged)
_Loader.add_multi_constructor(f"{_PYTHON}object/apply:", _called)
_Loader.add_multi_constructor(f"{_PYTHON}object/new:", _called)
_Loader.add_multi_constructor(_PYTHON, _untagged)
_Loader.add_multi_constructor(None, _untagged)  # any other tag
_Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag != "tag:yaml.org,2002:timestamp"]
    for first, resolvers in _Loader.yaml_implicit_resolvers.items()
}


def yaml_documents(raw: bytes) -> list[object]:
    """Return the values of the documents of a YAML file, in order.

    Raises:
        ValueError: it is no YAML; the message says where.
    """
    try:
        return [*yaml.load_all(raw, _Loader)]  # a kind of SafeLoader
    except yaml.MarkedYAMLError as exc:
        mark = exc.problem_mark
        place = f" @ line {mark.line + 1} column {mark.column + 1}" if mark else ""
        raise ValueError(f"expected YAML, {exc.problem}{place}") from exc
    except (yaml.YAMLError, UnicodeDecodeError, RecursionError) as exc:
        raise ValueError(f"expected YAML, {' '.join(str(exc).split())}") from exc
