"""Make a value that fits a JSON schema, for structured outputs and tool arguments."""

from __future__ import annotations

from typing import Any

EXAMPLES = {
    "location": "Paris, France",
    "city": "Paris",
    "unit": "celsius",
    "query": "record and replay",
    "name": "Ada",
}
NUMBERS = {"integer": 42, "number": 21.5, "boolean": True, "null": None}


def example_of(schema: dict[str, Any], name: str = "value") -> Any:
    """Return a value that `schema` allows, for a property called `name`; `$ref` points into its `$defs`."""
    return _example(schema, name, schema.get("$defs") or schema.get("definitions") or {})


def _example(schema: dict[str, Any], name: str, definitions: dict[str, Any]) -> Any:
    if reference := schema.get("$ref"):
        return _example(definitions.get(reference.rpartition("/")[2], {}), name, definitions)
    if "const" in schema:
        return schema["const"]
    if schema.get("enum"):
        return schema["enum"][0]
    for alternatives in (schema.get("anyOf"), schema.get("oneOf"), schema.get("allOf")):
        if alternatives:
            return _example(alternatives[0], name, definitions)
    return _example_of_type(schema, name, definitions)


def _example_of_type(schema: dict[str, Any], name: str, definitions: dict[str, Any]) -> Any:
    kind = schema.get("type", "object" if "properties" in schema else "string")
    kind = kind[0] if isinstance(kind, list) else kind
    if kind == "object":
        properties = schema.get("properties", {})
        return {key: _example(value, key, definitions) for key, value in properties.items()}
    if kind == "array":
        return [_example(schema.get("items", {}), name, definitions)]
    return NUMBERS[kind] if kind in NUMBERS else EXAMPLES.get(name, f"{name} as asked")
