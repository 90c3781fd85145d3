"""Writes test/fixtures/parquet with pyarrow: files whose columns the engine reads as something else, or not at all.

`python test/interop/generate/parquet_files.py`, with the packages of ../requirements.txt. `logical-string.parquet`,
`map-without-values.parquet`, `lz4-hadoop.parquet`, `split-integers.parquet`, `levels-*.parquet` and `variant-*.parquet` are other
projects' files (apache/parquet-testing and the like): no writer at hand makes them.
"""

import os
from decimal import Decimal

import pyarrow as pa
import pyarrow.parquet as pq

FOLDER = os.path.normpath(os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "fixtures", "parquet"))


def keep(name, arrays, names=("x",), **options):
    pq.write_table(pa.Table.from_arrays(arrays, names=list(names)), os.path.join(FOLDER, f"{name}.parquet"), **options)


def main():
    os.makedirs(FOLDER, exist_ok=True)
    nanos = [1_700_000_000_123_456_000, -1_000, None]
    cut = [1_700_000_000_123_456_000, None, -1]
    for name, values in (("exact", nanos), ("cut", cut)):
        keep(f"zoned-nanos-{name}", [pa.array(values, pa.timestamp("ns", "UTC"))])
        keep(f"int96-{name}", [pa.array(values, pa.timestamp("ns"))], use_deprecated_int96_timestamps=True)
    instant = pa.timestamp("ns", "UTC")
    for name, last in (("exact", 2_000), ("cut", 2_001)):
        keep(f"list-nanos-{name}", [pa.array([[1_000, None], [0, last]], pa.list_(instant))])
        keep(f"map-nanos-{name}", [pa.array([None, [("k", last)]], pa.map_(pa.string(), instant))])
        struct = pa.struct([("a", pa.struct([("b", instant)])), ("c", pa.int64())])
        keep(f"struct-nanos-{name}", [pa.array([{"a": None, "c": 1}, {"a": {"b": last}, "c": 2}], struct)])
    wide = pa.decimal256(76, 2)
    keep("wide-decimal", [pa.array([Decimal("1.50"), None, Decimal("-" + "9" * 36 + ".99")], wide)])
    keep("too-wide-decimal", [pa.array([Decimal("1.50"), Decimal("9" * 37 + ".99")], wide)])
    one = pa.array([1])
    keep("twins", [one, one], ["id", "id"])
    keep("case-twins", [one, one], ["a", "A"])
    keep("nameless", [one, one], ["", "x"])
    keep("nul-name", [one], ["a\0b"])
    keep("nested-case-twins", [pa.StructArray.from_arrays([one, one], ["a", "A"])], ["s"])
    keep("nulls", [pa.nulls(2), pa.array([1, 2])], ["x", "y"])


if __name__ == "__main__":
    main()
