"""Regenerates test/fixtures with Spark: `python test/interop/generate/main.py [NAME ...]`, with the packages of ../requirements.txt."""

import os
import sys
import tempfile

import support
import tables_features
import tables_log
import tables_schema
import tables_types
from spark_session import start_spark

MAKERS = {}
for module in (tables_types, tables_schema, tables_features, tables_log):
    MAKERS.update(module.MAKERS)


def main(names):
    unknown = [name for name in names if name not in MAKERS]
    if unknown:
        sys.exit(f"no fixture named {', '.join(unknown)}; there are: {', '.join(MAKERS)}")
    cache = os.environ.get("VARVE_SPARK_CACHE") or os.path.join(tempfile.gettempdir(), "varve-spark")
    failed = []
    with tempfile.TemporaryDirectory(prefix="varve-fixtures-") as scratch:
        spark = start_spark(cache, os.path.join(scratch, "warehouse"))
        workshop = support.Workshop(spark, scratch)
        for name in names or MAKERS:
            try:
                MAKERS[name](workshop, name)
            except Exception as error:
                failed.append(name)
                print(f"{name} FAILED: {type(error).__name__}: {str(error)[:2000]}", flush=True)
        spark.stop()
    if failed:
        sys.exit(f"failed: {', '.join(failed)}")


if __name__ == "__main__":
    main(sys.argv[1:])
