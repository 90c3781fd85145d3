"""What the fixture scripts share: a place to build a table, the peer's answers about it, and the clean copy into test/fixtures."""

import glob
import json
import os
import re
import shutil
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
FIXTURES = os.path.normpath(os.path.join(HERE, "..", "..", "fixtures"))
sys.path.insert(0, os.path.join(HERE, "..", "peer"))

from encoding import encode_arrow_rows, encode_spark_rows, to_line  # noqa: E402

INLINE_ROWS = 40


class Workshop:
    """One Spark session and one scratch folder; `table(name)` is where a fixture is built before `keep` copies it."""

    def __init__(self, spark, scratch):
        self.spark = spark
        self.scratch = scratch

    def table(self, name):
        path = os.path.join(self.scratch, name)
        shutil.rmtree(path, ignore_errors=True)
        return path

    def sql(self, text):
        return self.spark.sql(text)

    def forget(self):
        """Drops Spark's cached snapshots: needed after a script edited a log behind its back."""
        self.spark._jvm.org.apache.spark.sql.delta.DeltaLog.clearCache()

    def conf(self, **settings):
        return _Settings(self.spark, {key.replace("__", "."): value for key, value in settings.items()})

    def rows(self, path, version=None, select=None):
        reader = self.spark.read.format("delta")
        if version is not None:
            reader = reader.option("versionAsOf", version)
        frame = reader.load(path)
        if select:
            frame = frame.selectExpr(*select)
        return sorted(encode_spark_rows(frame), key=to_line)

    def changes(self, path, start, end=None):
        reader = self.spark.read.format("delta").option("readChangeFeed", "true").option("startingVersion", start)
        if end is not None:
            reader = reader.option("endingVersion", end)
        return sorted(encode_spark_rows(reader.load(path).drop("_commit_timestamp")), key=to_line)

    def versions(self, path):
        return [row["version"] for row in reversed(self.sql(f"DESCRIBE HISTORY delta.`{path}`").collect())]

    def expect(self, path, **extra):
        """The peer's answers, with the fields of an `expect` entry of the conformance manifest."""
        self.forget()
        detail = self.sql(f"DESCRIBE DETAIL delta.`{path}`").collect()[0]
        versions = self.versions(path)
        rows = self.rows(path)
        by_version = {}
        for version in versions:
            frame = self.spark.read.format("delta").option("versionAsOf", version).load(path)
            by_version[str(version)] = frame.count()
        answer = {
            "version": versions[-1],
            "numFiles": detail["numFiles"],
            "columns": self.spark.read.format("delta").load(path).columns,
            "partitionColumns": list(detail["partitionColumns"]),
            "rows": len(rows),
            "rowsByVersion": by_version,
            "rowData": rows,
            "features": sorted(detail["tableFeatures"]),
            "source": "delta-spark 4.4.0 on Spark 4.2.0",
        }
        answer.update(extra)
        return answer

    def keep(self, name, path, answer):
        """Copies a finished table into the fixtures, without Hadoop's own checksums, and writes what is expected of it."""
        target = os.path.join(FIXTURES, "tables", name)
        shutil.rmtree(target, ignore_errors=True)
        shutil.copytree(path, target, ignore=_hadoop_debris)
        # Spark's checksums repeat metadata and files: one a table is enough to test with.
        drop_version_checksums(target, keep=1)
        _drop_empty_folders(target)
        _refuse_absolute_paths(target)
        expected = os.path.join(FIXTURES, "expected")
        os.makedirs(expected, exist_ok=True)
        rows_file = os.path.join(expected, f"{name}.jsonl")
        if os.path.exists(rows_file):
            os.remove(rows_file)
        rows = answer.get("rowData")
        if rows is not None and len(rows) > INLINE_ROWS:
            del answer["rowData"]
            answer["rowsFile"] = f"expected/{name}.jsonl"
            with open(rows_file, "w", encoding="utf-8") as out:
                out.writelines(to_line(row) + "\n" for row in rows)
        with open(os.path.join(expected, f"{name}.json"), "w", encoding="utf-8") as out:
            json.dump(answer, out, indent=1, ensure_ascii=False, allow_nan=False)
            out.write("\n")
        size = sum(os.path.getsize(os.path.join(folder, file)) for folder, _, files in os.walk(target) for file in files)
        print(f"{name}: {size / 1024:.0f} KiB, {answer.get('rows', '-')} rows", flush=True)


class _Settings:
    def __init__(self, spark, settings):
        self.spark, self.settings, self.before = spark, settings, {}

    def __enter__(self):
        for key, value in self.settings.items():
            self.before[key] = self.spark.conf.get(key, None)
            self.spark.conf.set(key, value)

    def __exit__(self, *_):
        for key, value in self.before.items():
            if value is None:
                self.spark.conf.unset(key)
            else:
                self.spark.conf.set(key, value)


def commit_path(table, version):
    return os.path.join(table, "_delta_log", f"{version:020d}.json")


def read_commit(table, version):
    with open(commit_path(table, version), encoding="utf-8") as source:
        return [json.loads(line) for line in source if line.strip()]


def write_commit(table, version, actions):
    """Replaces one commit. The checksum of Hadoop and the version checksum would contradict it, so both go."""
    with open(commit_path(table, version), "w", encoding="utf-8") as out:
        out.writelines(json.dumps(action, separators=(",", ":")) + "\n" for action in actions)
    log = os.path.join(table, "_delta_log")
    for stale in (f".{version:020d}.json.crc", f"{version:020d}.crc", f".{version:020d}.crc.crc"):
        if os.path.exists(os.path.join(log, stale)):
            os.remove(os.path.join(log, stale))


def drop_hadoop_checksum(path):
    """Removes the checksum that Hadoop keeps beside a file which a script has edited."""
    side = os.path.join(os.path.dirname(path), f".{os.path.basename(path)}.crc")
    if os.path.exists(side):
        os.remove(side)


def drop_version_checksums(table, keep=0):
    """Removes the version checksums, which an edited log contradicts, save the newest `keep`."""
    paths = sorted(glob.glob(os.path.join(table, "_delta_log", "[0-9]*.crc")))
    for path in paths[: len(paths) - keep]:
        os.remove(path)
        drop_hadoop_checksum(path)


def _hadoop_debris(folder, names):
    return [name for name in names if re.fullmatch(r"\..*\.crc", name) or name == "_SUCCESS"]


def _drop_empty_folders(root):
    for folder, _, _ in os.walk(root, topdown=False):
        if folder != root and not os.listdir(folder):
            os.rmdir(folder)


def _refuse_absolute_paths(root):
    for folder, _, files in os.walk(root):
        for file in files:
            with open(os.path.join(folder, file), "rb") as source:
                content = source.read()
            if b"file:/" in content or b"/tmp/" in content:
                raise AssertionError(f"{os.path.join(folder, file)} holds a path of this machine")
