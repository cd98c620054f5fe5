"""Values that a JSON schema allows, from its own examples where it has any."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

_TEXTS: Mapping[str, str] = {
    "date-time": "2026-01-31T00:00:00Z",
    "date": "2026-01-31",
    "uri": "https://example.com/",
    "email": "ada@example.com",
    "uuid": "123e4567-e89b-12d3-a456-426614174000",
}
_DEPTH = 12


class Samples:
    """Builds a value for a schema.

    Args:
        resolve: Follows a reference.
    """

    def __init__(self, resolve: Callable[[str], Mapping[str, Any]]) -> None:
        self._resolve = resolve

    def of(self, schema: Mapping[str, Any], depth: int = 0) -> Any:
        """A value, every property filled in."""
        while "$ref" in schema:
            schema = self._resolve(schema["$ref"])
        for name in ("example", "default", "const"):
            if schema.get(name) is not None:
                return schema[name]
        if schema.get("enum"):
            return schema["enum"][0]
        for name in ("oneOf", "anyOf"):
            if name in schema:
                return self.of(schema[name][0], depth)
        if "allOf" in schema:
            parts = [self.of(part, depth) for part in schema["allOf"]]
            if all(isinstance(part, dict) for part in parts):
                return {name: value for part in parts for name, value in part.items()}
            return parts[0]
        return self._typed(schema, depth)

    def _typed(self, schema: Mapping[str, Any], depth: int) -> Any:
        match schema.get("type", "object" if "properties" in schema else "string"):
            case "object":
                properties = schema.get("properties", {}) if depth < _DEPTH else {}
                return {name: self.of(part, depth + 1) for name, part in properties.items()}
            case "array":
                wanted = max(schema.get("minItems", 0), 1 if depth < _DEPTH else 0)
                return [self.of(schema["items"], depth + 1) for _ in range(wanted)]
            case "integer" | "number":
                return schema.get("minimum", 1)
            case "boolean":
                return True
            case _:
                text = _TEXTS.get(schema.get("format", ""), "text")
                return text.ljust(schema.get("minLength", 0), "x")[: schema.get("maxLength")]


__all__ = ["Samples"]
