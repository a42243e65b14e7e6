"""What an answer looks like, as a JSON schema, from the type that its endpoint names or its handler returns.

The fact a newcomer would get wrong: a field that may be UNSET is the one that may be missing. What has a default is
written all the same, so that it is required of an answer, other than of a request.
"""

from collections.abc import Mapping, Sequence
from enum import EnumMeta
from types import NoneType, UnionType
from typing import Annotated, Any, Final, Literal, NoReturn, Union, get_args, get_origin, get_type_hints, is_typeddict

import msgspec
from msgspec import Meta, UnsetType

Schema = dict[str, Any]
DECIMAL: Final = r"^-?[0-9]+(\.[0-9]+)?$"
DecimalText = Annotated[str, Meta(pattern=DECIMAL)]
_PLAIN: Final[Mapping[Any, Schema]] = {
    str: {"type": "string"}, int: {"type": "integer"}, bool: {"type": "boolean"}, float: {"type": "number"},
    NoneType: {"type": "null"}, Any: {}, object: {},
}  # fmt: skip


def answer_schema(kind: Any, components: dict[str, Schema]) -> Schema:
    """The schema of a type; objects that have a name are added to `components`. Raises TypeError for other types."""
    if kind in _PLAIN:
        return dict(_PLAIN[kind])
    if kind is NoReturn:  # of a handler that always refuses
        return {"not": {}}
    if isinstance(kind, EnumMeta):
        return {"type": "string", "enum": [str(member.value) for member in kind]}  # type: ignore[var-annotated]
    if is_typeddict(kind) or (isinstance(kind, type) and issubclass(kind, msgspec.Struct)):
        return _named(kind, components)
    return _composed(kind, components)


def _composed(kind: Any, components: dict[str, Schema]) -> Schema:
    origin, parts = get_origin(kind), get_args(kind)
    if origin is Annotated:
        return answer_schema(parts[0], components) | {"pattern": parts[1].pattern}
    if origin is Literal:
        return {"enum": list(parts)}
    if origin in (Union, UnionType):
        choices = [answer_schema(part, components) for part in parts if part is not UnsetType]
        return choices[0] if len(choices) == 1 else {"anyOf": choices}
    if origin is tuple:  # not prefixItems, which schemathesis and others cannot read
        members = [answer_schema(part, components) for part in dict.fromkeys(parts)]
        items = members[0] if len(members) == 1 else {"anyOf": members}
        return {"type": "array", "items": items, "minItems": len(parts), "maxItems": len(parts)}
    if origin in (list, Sequence):
        return {"type": "array", "items": answer_schema(parts[0], components)}
    if origin is dict:
        return {"type": "object", "additionalProperties": answer_schema(parts[1], components)}
    raise TypeError(f"an answer cannot be a {kind}")


def _named(kind: Any, components: dict[str, Schema]) -> Schema:
    reference = {"$ref": f"#/components/schemas/{kind.__name__}"}
    if kind.__name__ in components:
        return reference
    schema = components[kind.__name__] = {"type": "object"}  # before its members, which may have it in themselves
    if issubclass(kind, msgspec.Struct):
        fields = {field.encode_name: field.type for field in msgspec.structs.fields(kind)}
        required = [name for name, hint in fields.items() if UnsetType not in get_args(hint)]
    else:
        fields = get_type_hints(kind)
        required = [name for name in fields if name in kind.__required_keys__]
    schema["properties"] = {name: answer_schema(hint, components) for name, hint in fields.items()}
    schema["required"] = required
    return reference
