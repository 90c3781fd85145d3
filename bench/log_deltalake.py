"""Measures one operation of bench/log-measure.ts with the deltalake package. Arguments: table (JSON), operation, table to read before (JSON) or null."""

import json
import resource
import sys
import time

from deltalake import DeltaTable

table = json.loads(sys.argv[1])
operation = sys.argv[2]
folder = table["folder"]


def add_commit():
    old = "%s/_delta_log/%020d.json" % (folder, table["latest"])
    new = "%s/_delta_log/%020d.json" % (folder, table["latest"] + 1)
    with open(old) as source, open(new, "w") as target:
        target.write(source.read().replace("part-", "part-x"))
    return new


if len(sys.argv) > 3 and sys.argv[3] != "null":
    warm_up = json.loads(sys.argv[3])
    other = DeltaTable(warm_up["folder"])
    other.schema()
    other.file_uris()
    other.file_uris(file_pruning_predicate="id = %d" % warm_up["wanted"])
    other.update_incremental()

opened = None
added = None
if operation == "refresh by one commit":
    opened = DeltaTable(folder)
    added = add_commit()

start = time.perf_counter()
cpu = time.process_time()
if operation == "open latest":
    found = len(DeltaTable(folder).schema().fields)
elif operation == "open middle":
    found = DeltaTable(folder, version=table["middle"]).version()
elif operation == "list all files":
    found = len(DeltaTable(folder).file_uris())
elif operation == "filter, one file":
    found = len(DeltaTable(folder).file_uris(file_pruning_predicate="id = %d" % table["wanted"]))
else:
    opened.update_incremental()
    found = opened.version()
milliseconds = (time.perf_counter() - start) * 1000
cpu_milliseconds = (time.process_time() - cpu) * 1000
if added is not None:
    import os

    os.remove(added)
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
print(json.dumps({"milliseconds": milliseconds, "cpuMilliseconds": cpu_milliseconds, "peakBytes": peak, "files": found}))
