"""Changes a table with deltalake; prints one line of JSON."""

import json
import re
import sys
import time

from deltalake import DeltaTable

job = json.loads(sys.argv[1])
change = job["change"]
started, before = time.perf_counter(), time.process_time()
table = DeltaTable(job["table"])
match change["kind"]:
    case "delete":
        table.delete(change["where"])
    case "update":
        table.update(updates=change["set"], predicate=change["where"])
    case "compact":
        table.optimize.compact()
    case "zorder":
        table.optimize.z_order(change["columns"], target_size=32 * 1024 * 1024)
    case "vacuum":
        table.vacuum(retention_hours=0, enforce_retention_duration=False, dry_run=True, full=True)
print(
    json.dumps(
        {
            "seconds": time.perf_counter() - started,
            "processorSeconds": time.process_time() - before,
            "peakBytes": int(re.search(r"VmHWM:\s+(\d+)", open("/proc/self/status").read())[1]) * 1024,
        }
    )
)
