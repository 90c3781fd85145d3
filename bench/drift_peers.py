"""Two Parquet files compared by Evidently's preset or by NannyML's default methods, the data in memory; a line with seconds, peak bytes and columns."""
import json
import os
import resource
import sys
import time

os.environ["NML_DISABLE_USAGE_LOGGING"] = "1"
peer, before, after = sys.argv[1:]
start, processor = time.perf_counter(), time.process_time()

import pandas as pd

baseline, current = pd.read_parquet(before), pd.read_parquet(after)
names = list(baseline.columns)
if peer == "evidently":
    from evidently import Report
    from evidently.presets import DataDriftPreset

    imported = time.process_time()
    Report([DataDriftPreset()]).run(reference_data=baseline, current_data=current).dict()
else:
    import nannyml

    imported = time.process_time()
    calculator = nannyml.UnivariateDriftCalculator(column_names=names)
    calculator.fit(baseline)
    calculator.calculate(current).to_df()

print(
    json.dumps(
        {
            "seconds": time.perf_counter() - start,
            "processor": time.process_time() - processor,
            "compared": time.process_time() - imported,
            "peakBytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024,
            "columns": len(names),
        }
    )
)
