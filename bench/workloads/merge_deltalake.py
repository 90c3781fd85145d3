"""Merges one table into another with deltalake; prints one line of JSON."""

import json
import re
import sys
import time

from deltalake import DeltaTable

job = json.loads(sys.argv[1])
table = DeltaTable(job["table"])
source = DeltaTable(job["source"]).to_pyarrow_dataset().to_table()
started, before = time.perf_counter(), time.process_time()
merger = table.merge(source, "t.id = s.id", source_alias="s", target_alias="t")
if not job["insertOnly"]:
    merger = merger.when_matched_update_all()
merger.when_not_matched_insert_all().execute()
print(
    json.dumps(
        {
            "seconds": time.perf_counter() - started,
            "processorSeconds": time.process_time() - before,
            "peakBytes": int(re.search(r"VmHWM:\s+(\d+)", open("/proc/self/status").read())[1]) * 1024,
        }
    )
)
