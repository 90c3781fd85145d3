"""What the tests ask of Spark: whole tables at a version, change feeds, and SQL statements on a table called `{table}`."""

import shutil
import tempfile

from encoding import encode_spark_rows
from spark_cells import SparkCells
from spark_session import start_spark


class SparkPeer:
    def __init__(self, cache):
        self._warehouse = tempfile.mkdtemp(prefix="varve-warehouse-")
        self._spark = start_spark(cache, self._warehouse)
        self._cells = None

    def stop(self):
        self._spark.stop()
        shutil.rmtree(self._warehouse, ignore_errors=True)

    def versions(self):
        import delta  # noqa: F401  (the jars' version is pinned with the package's)

        return {"spark": self._spark.version}

    def read(self, path, version=None, timestamp=None):
        """{"columns", "rows"} of a table as of a version or a timestamp."""
        reader = self._spark.read.format("delta")
        if version is not None:
            reader = reader.option("versionAsOf", version)
        if timestamp is not None:
            reader = reader.option("timestampAsOf", timestamp)
        frame = reader.load(path)
        return {"columns": frame.columns, "rows": encode_spark_rows(frame)}

    def where(self, path, condition):
        """Rows that match: Spark skips files by the statistics that the table's writer stored."""
        frame = self._spark.read.format("delta").load(path).where(condition)
        return {"columns": frame.columns, "rows": encode_spark_rows(frame)}

    def changes(self, path, start, end):
        reader = self._spark.read.format("delta").option("readChangeFeed", "true").option("startingVersion", start)
        frame = reader.option("endingVersion", end).load(path).drop("_commit_timestamp")
        return {"columns": frame.columns, "rows": encode_spark_rows(frame)}

    def row_tracking(self, path):
        frame = self._spark.read.format("delta").load(path)
        frame = frame.selectExpr("*", "_metadata.row_id AS row_id", "_metadata.row_commit_version AS row_commit_version")
        return {"columns": frame.columns, "rows": encode_spark_rows(frame)}

    def sql(self, path, statements):
        """Runs statements that name the table `{table}`; answers the rows of the last one."""
        frame = None
        for statement in statements:
            frame = self._spark.sql(statement.replace("{table}", f"delta.`{path}`"))
        return {"columns": frame.columns, "rows": encode_spark_rows(frame)}

    def make_cells(self, columns, values):
        """A grid for `cells`: DDL types of columns, and SQL texts of each one's values."""
        self._cells = SparkCells(self._spark, columns, values)
        return None

    def cells(self, expressions):
        """For each {"expression", "columns"} its type and its value in each cell: None, "!" for an error, or text."""
        return [self._cells.evaluate(each["expression"], each["columns"]) for each in expressions]

    def detail(self, path):
        row = self._spark.sql(f"DESCRIBE DETAIL delta.`{path}`").collect()[0]
        return {
            "numFiles": row["numFiles"],
            "partitionColumns": list(row["partitionColumns"]),
            "properties": dict(row["properties"]),
            "features": sorted(row["tableFeatures"]),
            "sizeInBytes": row["sizeInBytes"],
        }

    def history(self, path):
        rows = self._spark.sql(f"DESCRIBE HISTORY delta.`{path}`").collect()
        return [{"version": row["version"], "operation": row["operation"], "engineInfo": row["engineInfo"]} for row in rows]

    def verify_checksum(self, path):
        """Spark's own word on the version checksum of the latest version: an empty list when its state and the file agree."""
        log = self._log(path)
        snapshot = log.update(False, self._none(), self._none())
        problems = []
        checksum = snapshot.checksumOpt()
        if checksum.isEmpty():
            return ["no version checksum"]
        found = checksum.get()
        for name in ("tableSizeBytes", "numFiles"):
            stored = getattr(found, name)()
            computed = snapshot.sizeInBytes() if name == "tableSizeBytes" else snapshot.numOfFiles()
            if stored != computed:
                problems.append(f"{name}: {stored} in the checksum, {computed} in the log")
        if not snapshot.validateChecksum(self._spark._jvm.PythonUtils.toScalaMap({})):
            problems.append("validateChecksum says no")
        return problems

    def checkpoint(self, path):
        self._log(path).checkpoint()
        return None

    def forget(self):
        self._spark._jvm.org.apache.spark.sql.delta.DeltaLog.clearCache()
        return None

    def _none(self):
        return self._spark._jvm.scala.Option.empty()

    def _log(self, path):
        self.forget()
        return self._spark._jvm.org.apache.spark.sql.delta.DeltaLog.forTable(self._spark._jsparkSession, path)
