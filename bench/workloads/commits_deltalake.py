"""Appends small batches to one table from N threads with deltalake; prints one line of JSON."""

import json
import os
import sys
import threading
import time

import pyarrow as pa
from deltalake import DeltaTable, write_deltalake

job = json.loads(sys.argv[1])
uri, writers, batches, rows = job["uri"], job["writers"], job["batches"], job["rows"]
storage = job.get("storage")


def batch(writer: int, number: int) -> pa.Table:
    return pa.table(
        {
            "writer": pa.array([writer] * rows, pa.int64()),
            "batch": pa.array([number] * rows, pa.int64()),
            "row": pa.array(range(rows), pa.int64()),
            "value": pa.array([f"{writer}/{number}/{row}" for row in range(rows)]),
        }
    )


write_deltalake(uri, batch(0, 0).schema.empty_table(), storage_options=storage)
failures: list[str] = []
retries = [0] * writers


def write(writer: int) -> None:
    table = DeltaTable(uri, storage_options=storage)
    for number in range(batches):
        data = batch(writer, number)
        while True:
            try:
                write_deltalake(table, data, mode="append")
                break
            except Exception as error:  # what deltalake gives up on is tried again, as a user would
                if not any(word in str(error) for word in ("onflict", "already exists", "commit transaction")):
                    failures.append(str(error))
                    return
                retries[writer] += 1
                table = DeltaTable(uri, storage_options=storage)


start = time.perf_counter()
threads = [threading.Thread(target=write, args=(writer,)) for writer in range(writers)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
seconds = time.perf_counter() - start

found = DeltaTable(uri, storage_options=storage).to_pyarrow_table().select(["writer", "batch", "row"])
keys = set(zip(*(found.column(name).to_pylist() for name in found.column_names)))
print(
    json.dumps(
        {
            "seconds": seconds,
            "failures": failures,
            "givenUp": sum(retries),
            "rows": found.num_rows,
            "distinct": len(keys),
        }
    ),
    flush=True,
)
# deltalake's own threads may abort the interpreter's orderly end, when the figures are out already.
os._exit(0)
