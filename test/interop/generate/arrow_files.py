"""Writes test/fixtures/arrow with pyarrow: files and streams that apache-arrow for JavaScript cannot write, and their rows as JSON.

`python test/interop/generate/arrow_files.py`, with the packages of ../requirements.txt.
"""

import decimal
import json
import os

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.ipc as ipc

FOLDER = os.path.normpath(os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "fixtures", "arrow"))


def plain(value):
    if isinstance(value, decimal.Decimal):
        return format(value, "f")
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    if isinstance(value, dict):
        return {name: plain(item) for name, item in value.items()}
    return value


def keep(name, batches, expected=True, **options):
    """Writes the batches as a file or, by its ending, as a stream."""
    path = os.path.join(FOLDER, name)
    opened = ipc.new_stream if name.endswith(".arrows") else ipc.new_file
    with opened(path, batches[0].schema, options=ipc.IpcWriteOptions(**options)) as writer:
        for batch in batches:
            writer.write_batch(batch)
    if expected:
        rows = [plain(row) for batch in batches for row in batch.to_pylist()]
        with open(f"{path}.json", "w") as file:
            file.write("[\n" + ",\n".join(json.dumps(row) for row in rows) + "\n]\n")


def mixed(start, count):
    span = range(start, start + count)
    return pa.record_batch({
        "id": pa.array(span, pa.int32()),
        "text": pa.array([None if i % 5 == 0 else "é" * (i % 30) for i in span]),
        "list": pa.array([None if i % 7 == 0 else [i, None][: i % 3] for i in span], pa.list_(pa.int32())),
        "struct": pa.array([None if i % 4 == 0 else {"a": i, "b": f"text {i}"} for i in span],
                           pa.struct([("a", pa.int32()), ("b", pa.string())])),
    })


def dictionaries(values, inner, keys):
    outer = pa.DictionaryArray.from_arrays(pa.array(keys, pa.int16()), pa.array(values))
    nested = pa.DictionaryArray.from_arrays(pa.array([0] * len(keys), pa.int8()), pa.array(inner))
    return pa.record_batch({"d": outer, "l": pa.ListArray.from_arrays(list(range(len(keys) + 1)), nested)})


def main():
    os.makedirs(FOLDER, exist_ok=True)
    for codec in ["lz4", "zstd"]:
        keep(f"{codec}.arrow", [mixed(0, 20), mixed(20, 5)], compression=codec)
        keep(f"{codec}.arrows", [mixed(0, 20), mixed(20, 5)], compression=codec)
        blocks = pa.record_batch({"id": pa.array([i // 1000 for i in range(20_000)], pa.int64())})
        keep(f"{codec}-blocks.arrow", [blocks], expected=False, compression=codec)
    span = range(30)
    keep("views.arrow", [pa.record_batch({
        "text": pa.array([None if i % 5 == 0 else "é" * i for i in span], pa.string_view()),
        "bytes": pa.array([bytes([i]) * i for i in span], pa.binary_view()),
        "list": pa.array([None if i % 7 == 0 else [i, None][: i % 3] for i in span], pa.list_view(pa.int32())),
        "large": pa.array([["x", f"a longer text {i}"][: i % 3] for i in span], pa.large_list_view(pa.string())),
        "runs": pc.run_end_encode(pa.array([None if i // 4 == 2 else i // 4 for i in span], pa.int32())),
        "texts": pc.run_end_encode(pa.array([f"run {i // 11}" for i in span]), run_end_type=pa.int16()),
    })])
    number = decimal.Decimal
    keep("decimals.arrow", [pa.record_batch({
        "d32": pa.array([number(i - 15) / 100 for i in span], pa.decimal32(7, 2)),
        "d64": pa.array([number(i - 15) / 1000 for i in span], pa.decimal64(15, 3)),
        "d256": pa.array([None if i % 3 == 0 else number(i - 15) / 100 for i in span], pa.decimal256(60, 2)),
        "hundreds": pa.array([number((i - 15) * 100) for i in span], pa.decimal128(5, -2)),
    })])
    keep("delta.arrows", [dictionaries(["a"], ["one"], [0, 0]), dictionaries(["a", "b, longer than twelve"], ["one"], [1, 0]),
                          dictionaries(["a", "b, longer than twelve", None, "d"], ["one", "two"], [3, 2, 1])],
         emit_dictionary_deltas=True)
    keep("replaced.arrows", [dictionaries(["a", "b"], ["one"], [0, 1]), dictionaries(["c"], ["two"], [0, 0])])


if __name__ == "__main__":
    main()
