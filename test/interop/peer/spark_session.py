"""Starts the one local Spark session with Delta that fixtures and interop tests share."""

import glob
import os
import time

# Maven coordinates: the Spark line in the artifact's name must be that of the pyspark in requirements.txt.
DELTA_PACKAGE = "io.delta:delta-spark_4.2_2.13:4.4.0"

# What Ivy brings besides these is already among pyspark's own jars, in a newer version.
DELTA_JAR_PREFIXES = ("io.delta_", "io.unitycatalog_", "javax.annotation_", "com.fasterxml.jackson.datatype_")

SETTINGS = {
    "spark.driver.memory": "1g",
    "spark.ui.enabled": "false",
    "spark.ui.showConsoleProgress": "false",
    "spark.sql.shuffle.partitions": "1",
    "spark.default.parallelism": "1",
    "spark.sql.session.timeZone": "UTC",
    "spark.driver.extraJavaOptions": "-Duser.timezone=UTC",
    "spark.driver.host": "127.0.0.1",
    "spark.driver.bindAddress": "127.0.0.1",
    "spark.sql.extensions": "io.delta.sql.DeltaSparkSessionExtension",
    "spark.sql.catalog.spark_catalog": "org.apache.spark.sql.delta.catalog.DeltaCatalog",
    "spark.sql.adaptive.enabled": "false",
    "spark.sql.codegen.wholeStage": "false",
    "spark.databricks.delta.snapshotPartitions": "1",
    # VACUUM lists folders in so many tasks, 10,000 by default, which take far longer than a small table's listing.
    "spark.sql.sources.parallelPartitionDiscovery.parallelism": "1",
    # A test looks at a table that somebody else has just written: no snapshot may be older than the call.
    "spark.databricks.delta.stalenessLimit": "0",
    "spark.databricks.delta.retentionDurationCheck.enabled": "false",
}


def delta_jars(cache):
    """Paths of the Delta jars below an Ivy cache folder, empty before the first session resolved them."""
    return [jar for jar in sorted(glob.glob(os.path.join(cache, "jars", "*.jar"))) if os.path.basename(jar).startswith(DELTA_JAR_PREFIXES)]


def start_spark(cache, warehouse):
    """A SparkSession with Delta; jars come from `cache`, filled by Maven coordinates when it is empty."""
    os.environ["TZ"] = "UTC"
    time.tzset()
    os.environ.setdefault("SPARK_LOCAL_IP", "127.0.0.1")
    from pyspark.sql import SparkSession

    builder = SparkSession.builder.master("local[1]").appName("varve-interop").config("spark.sql.warehouse.dir", warehouse)
    for key, value in SETTINGS.items():
        builder = builder.config(key, value)
    # Interpreted expressions start sooner than compiled ones: for work on spark-expressions.test.ts.
    if os.environ.get("VARVE_NO_CODEGEN"):
        builder = builder.config("spark.sql.codegen.factoryMode", "NO_CODEGEN")
    jars = delta_jars(cache)
    if jars:
        builder = builder.config("spark.jars", ",".join(jars))
    else:
        builder = builder.config("spark.jars.packages", DELTA_PACKAGE).config("spark.jars.ivy", cache)
    spark = builder.getOrCreate()
    spark.sparkContext.setLogLevel("ERROR")
    return spark
