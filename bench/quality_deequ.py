"""The checks of bench/workloads/quality.ts that Deequ has (all but the one of column names), from the Parquet file; a line a validation."""
import json
import os
import sys
import time

os.environ.setdefault("SPARK_VERSION", "3.5")
import pydeequ  # noqa: E402
from pyspark.sql import SparkSession  # noqa: E402
from pydeequ.checks import Check, CheckLevel  # noqa: E402
from pydeequ.verification import VerificationResult, VerificationSuite  # noqa: E402

builder = SparkSession.builder.master("local[*]").config("spark.ui.enabled", "false").config("spark.driver.memory", "3g")
builder = builder.config("spark.sql.session.timeZone", "UTC").config("spark.ui.showConsoleProgress", "false")
builder = builder.config("spark.jars.packages", "com.amazon.deequ:deequ:2.0.7-spark-3.5").config("spark.jars.excludes", pydeequ.f2j_maven_coord)
if os.environ.get("VARVE_DEEQU_IVY"):  # a folder that has the jars already
    builder = builder.config("spark.jars.ivy", os.environ["VARVE_DEEQU_IVY"])
spark = builder.getOrCreate()
spark.sparkContext.setLogLevel("ERROR")
frame = spark.read.parquet(sys.argv[1])
classes = [f"class {i}" for i in range(12)]


def within(column, low, high):
    return f"{column} IS NULL OR ({column} >= {low} AND {column} <= {high})", f"range of {column}"


def check():
    made = Check(spark, CheckLevel.Warning, "bench").isComplete("id").isComplete("placed").isComplete("paid").isUnique("id")
    for column, low, high in [("amount", 0, 99999), ("price", 0, 1100), ("share", 0, 1000), ("discount", 0, 49999)]:
        made = made.satisfies(*within(column, low, high), lambda share: share == 1)
    made = made.isContainedIn("class", classes)
    made = made.satisfies("customer NOT IN ('nobody', '')", "customer known", lambda share: share == 1)
    made = made.hasPattern("reference", "^order [0-9a-f]+$", lambda share: share == 1)
    made = made.hasMinLength("reference", lambda length: length >= 10).hasMaxLength("reference", lambda length: length <= 30)
    made = made.satisfies("discount IS NULL OR id >= discount", "id above discount", lambda share: share >= 0.5)
    made = made.hasSize(lambda rows: rows >= 1)
    made = made.hasMean("price", lambda mean: 100 <= mean <= 1000).hasStandardDeviation("price", lambda deviation: deviation >= 1)
    made = made.hasMax("amount", lambda most: most <= 99999)
    made = made.hasNumberOfDistinctValues("customer", lambda values: values <= 200, None, None)
    return made.satisfies("class IN (" + ", ".join(f"'{name}'" for name in classes) + ")", "classes", lambda share: share == 1)


def processor_seconds():
    """Of Python and of the Java process that works for it, which Linux tells."""
    with open(f"/proc/{spark.sparkContext._gateway.proc.pid}/stat") as stat:
        fields = stat.read().rsplit(")", 1)[1].split()
    return time.process_time() + (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


for _ in range(3):
    start, processor = time.perf_counter(), processor_seconds()
    result = VerificationSuite(spark).onData(frame).addCheck(check()).run()
    states = [row["constraint_status"] for row in VerificationResult.checkResultsAsDataFrame(spark, result).collect()]
    seconds, processor = time.perf_counter() - start, processor_seconds() - processor
    print(json.dumps({"seconds": seconds, "processor": processor, "passed": states.count("Success"), "checks": len(states)}), flush=True)
spark.sparkContext._gateway.shutdown_callback_server()
os._exit(0)
