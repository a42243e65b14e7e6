"""Whether an answer is what /openapi.json says: a checker of the few words of JSON schema that the document uses.

The fact a newcomer would get wrong: it is stricter than a JSON schema. A member that the document does not name is a
mistake here, while readers of the document have to live with such.
"""

import re
from typing import Any

Schema = dict[str, Any]
KINDS: dict[str, type | tuple[type, ...]] = {
    "object": dict, "array": list, "string": str, "integer": int, "number": (int, float), "boolean": bool,
    "null": type(None),
}  # fmt: skip


class Document:
    """/openapi.json."""

    def __init__(self, document: Schema) -> None:
        self._paths = {re.compile(re.sub(r"\{\w+\}", "[^/]+", path)): row for path, row in document["paths"].items()}
        self._schemas = document["components"]["schemas"]

    def complaint(self, method: str, path: str, answer: Any) -> str:
        """What is wrong with the answer of a 200; empty: nothing."""
        for pattern, row in self._paths.items():
            if pattern.fullmatch(path):
                operation = row["get" if method == "HEAD" else method.lower()]
                schema = operation["responses"]["200"]["content"]["application/json"]["schema"]
                return self._wrong(answer, schema, "the answer")
        return ""  # of a table that a test has made for itself

    def _wrong(self, value: Any, schema: Schema, at: str) -> str:
        if "$ref" in schema:
            return self._wrong(value, self._schemas[schema["$ref"].rpartition("/")[2]], at)
        if "anyOf" in schema:
            complaints = [self._wrong(value, choice, at) for choice in schema["anyOf"]]
            return "" if "" in complaints else " and ".join(complaints)
        if "not" in schema or ("enum" in schema and value not in schema["enum"]):
            return f"{at} is {value!r}"
        kind = schema.get("type")
        if kind is not None and (not isinstance(value, KINDS[kind]) or (kind != "boolean" and isinstance(value, bool))):
            return f"{at} is {value!r}, no {kind}"
        if "pattern" in schema and not re.search(schema["pattern"], value):
            return f"{at} is {value!r}, not like {schema['pattern']}"
        if kind == "array":
            return self._wrong_array(value, schema, at)
        return self._wrong_object(value, schema, at) if kind == "object" else ""

    def _wrong_array(self, value: list[Any], schema: Schema, at: str) -> str:
        if not schema.get("minItems", 0) <= len(value) <= schema.get("maxItems", len(value)):
            return f"{at} has {len(value)} members"
        found = (self._wrong(member, schema["items"], f"{at}[{number}]") for number, member in enumerate(value))
        return next(filter(None, found), "")

    def _wrong_object(self, value: Schema, schema: Schema, at: str) -> str:
        known, others = schema.get("properties", {}), schema.get("additionalProperties")
        if missing := set(schema.get("required", ())) - value.keys():
            return f"{at} lacks {sorted(missing)}"
        if others is None and (surplus := value.keys() - known.keys()):
            return f"{at} has {sorted(surplus)}"
        found = (self._wrong(member, known.get(name, others), f"{at}.{name}") for name, member in value.items())
        return next(filter(None, found), "")
