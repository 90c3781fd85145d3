"""Rows of Spark and Arrow in varve's lossless JSON encoding: decimals and timestamps as text, binary as base64, maps as pairs."""

import base64
import datetime
import decimal
import json
import math

# A variant's decimal has up to 38 digits, and pyspark divides with the context's precision.
decimal.getcontext().prec = 80


def encode_spark_rows(frame):
    """Every row of a Spark frame as a dict of encoded values, in the frame's order."""
    schema = frame.schema
    return [_spark_struct(row, schema) for row in frame.collect()]


def encode_arrow_rows(table):
    """Every row of a pyarrow table as a dict of encoded values, in the table's order."""
    rows = table.to_pylist(maps_as_pydicts=None)
    fields = list(table.schema)
    return [{field.name: _arrow_value(row[field.name], field.type) for field in fields} for row in rows]


def to_line(row):
    """One row as one line of text; equal rows give equal lines."""
    return json.dumps(row, sort_keys=True, ensure_ascii=False, allow_nan=False)


def _number(value):
    if math.isnan(value):
        return "NaN"
    if math.isinf(value):
        return "Infinity" if value > 0 else "-Infinity"
    return value


def _timestamp(value, suffix):
    if value.tzinfo is not None:
        value = value.astimezone(datetime.timezone.utc)
    # strftime leaves years below 1000 without their zeros
    return f"{value.year:04d}-{value.month:02d}-{value.day:02d}T{value.hour:02d}:{value.minute:02d}:{value.second:02d}.{value.microsecond:06d}{suffix}"


def _decimal(value, scale):
    # pyspark hands some values out with a digit more or less than their type's scale
    return format(value.quantize(decimal.Decimal(1).scaleb(-scale)), "f")


def _binary(value):
    return base64.b64encode(bytes(value)).decode("ascii")


def _spark_struct(row, struct):
    return {field.name: _spark_value(value, field.dataType) for field, value in zip(struct.fields, row)}


def _spark_value(value, kind):
    if value is None:
        return None
    name = kind.typeName()
    if name in ("float", "double"):
        return _number(value)
    if name == "decimal":
        return _decimal(value, kind.scale)
    if name == "date":
        return value.isoformat()
    if name == "timestamp":
        return _timestamp(value, "Z")
    if name == "timestamp_ntz":
        return _timestamp(value, "")
    if name == "binary":
        return _binary(value)
    if name == "variant":
        return json.loads(value.toJson())
    if name == "array":
        return [_spark_value(item, kind.elementType) for item in value]
    if name == "map":
        return [[_spark_value(key, kind.keyType), _spark_value(item, kind.valueType)] for key, item in value.items()]
    if name == "struct":
        return _spark_struct(value, kind)
    return value


def _arrow_value(value, kind):
    import pyarrow.types as types

    if value is None:
        return None
    if types.is_floating(kind):
        return _number(value)
    if types.is_decimal(kind):
        return _decimal(value, kind.scale)
    if types.is_date(kind):
        return value.isoformat()
    if types.is_timestamp(kind):
        return _timestamp(value, "Z" if kind.tz else "")
    if types.is_binary(kind) or types.is_large_binary(kind) or types.is_binary_view(kind) or types.is_fixed_size_binary(kind):
        return _binary(value)
    if types.is_map(kind):
        return [[_arrow_value(key, kind.key_type), _arrow_value(item, kind.item_type)] for key, item in value]
    if types.is_list(kind) or types.is_large_list(kind) or types.is_list_view(kind):
        return [_arrow_value(item, kind.value_type) for item in value]
    if types.is_struct(kind):
        return {field.name: _arrow_value(value[field.name], field.type) for field in kind}
    return value
