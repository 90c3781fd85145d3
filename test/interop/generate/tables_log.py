"""Fixtures about the log: checkpoints of every kind, incomplete sets, duplicate actions, in-commit timestamps, application transactions."""

import glob
import json
import os
import time

from support import commit_path, drop_hadoop_checksum, drop_version_checksums, read_commit, write_commit


def _five_files(shop, path, properties=""):
    shop.sql(f"CREATE TABLE delta.`{path}` (id INT, p STRING) USING delta PARTITIONED BY (p) {properties}")
    for n in range(1, 6):
        shop.sql(f"INSERT INTO delta.`{path}` VALUES ({n}, '{'ab'[n % 2]}')")
    shop.sql(f"DELETE FROM delta.`{path}` WHERE id = 2")


def _checkpoint(shop, path):
    shop.forget()
    log = shop.spark._jvm.org.apache.spark.sql.delta.DeltaLog.forTable(shop.spark._jsparkSession, path)
    log.checkpoint()


def _drop_commits(path, below):
    for version in range(below):
        for file in glob.glob(os.path.join(path, "_delta_log", f"{version:020d}.json")) + glob.glob(os.path.join(path, "_delta_log", f"{version:020d}.crc")):
            os.remove(file)
            drop_hadoop_checksum(file)


def classic_checkpoint(shop, name):
    path = shop.table(name)
    _five_files(shop, path, "TBLPROPERTIES ('delta.checkpoint.writeStatsAsStruct' = 'true', 'delta.checkpoint.writeStatsAsJson' = 'false')")
    _checkpoint(shop, path)
    shop.sql(f"INSERT INTO delta.`{path}` VALUES (7, 'c')")
    before = shop.expect(path)
    _drop_commits(path, 6)
    answer = shop.expect(path)
    if answer["rowData"] != before["rowData"]:
        raise AssertionError("Spark lost rows with the log's head")
    answer["rowsByVersion"] = {version: (count if int(version) >= 6 else "unavailable") for version, count in before["rowsByVersion"].items()}
    shop.keep(name, path, answer)


def multipart_checkpoint(shop, name):
    path = shop.table(name)
    _five_files(shop, path)
    with shop.conf(spark__databricks__delta__checkpoint__partSize="2"):
        _checkpoint(shop, path)
    shop.sql(f"INSERT INTO delta.`{path}` VALUES (7, 'c')")
    answer = shop.expect(path)
    _drop_commits(path, 6)
    answer["rowsByVersion"] = {version: (count if int(version) >= 6 else "unavailable") for version, count in answer["rowsByVersion"].items()}
    shop.keep(name, path, answer)


def incomplete_multipart(shop, name):
    path = shop.table(name)
    shop.sql(f"CREATE TABLE delta.`{path}` (id INT, p STRING) USING delta PARTITIONED BY (p)")
    for n in range(1, 4):
        shop.sql(f"INSERT INTO delta.`{path}` VALUES ({n}, '{'ab'[n % 2]}')")
    _checkpoint(shop, path)
    for n in range(4, 7):
        shop.sql(f"INSERT INTO delta.`{path}` VALUES ({n}, '{'ab'[n % 2]}')")
    with shop.conf(spark__databricks__delta__checkpoint__partSize="2"):
        _checkpoint(shop, path)
    shop.sql(f"INSERT INTO delta.`{path}` VALUES (7, 'c')")
    parts = sorted(glob.glob(os.path.join(path, "_delta_log", "*.checkpoint.*.parquet")))
    parts = [part for part in parts if os.path.basename(part).count(".") == 4]
    if len(parts) < 2:
        raise AssertionError(f"Spark wrote {len(parts)} parts")
    os.remove(parts[1])
    drop_hadoop_checksum(parts[1])
    _drop_commits(path, 3)
    answer = shop.expect(path, note=f"part 2 of {len(parts)} of the checkpoint at version 6 is missing, and _last_checkpoint points at it; version 3 has a whole one")
    answer["rowsByVersion"].update({str(version): "unavailable" for version in range(3)})
    shop.keep(name, path, answer)


def v2_checkpoint(form):
    def make(shop, name):
        path = shop.table(name)
        with shop.conf(
            spark__databricks__delta__checkpointV2__topLevelFileFormat=form,
            spark__databricks__delta__checkpoint__partSize="2",
        ):
            _five_files(shop, path, "TBLPROPERTIES ('delta.checkpointPolicy' = 'v2')")
            _checkpoint(shop, path)
        shop.sql(f"INSERT INTO delta.`{path}` VALUES (7, 'c')")
        answer = shop.expect(path)
        _drop_commits(path, 6)
        answer["rowsByVersion"] = {version: (count if int(version) >= 6 else "unavailable") for version, count in answer["rowsByVersion"].items()}
        answer["sidecars"] = len(glob.glob(os.path.join(path, "_delta_log", "_sidecars", "*.parquet")))
        if not answer["sidecars"]:
            raise AssertionError("Spark wrote no sidecar")
        shop.keep(name, path, answer)

    return make


def duplicate_actions(shop, name):
    """The same file added again by a later commit, removed twice, and protocol, metadata and txn repeated."""
    path = shop.table(name)
    shop.sql(f"CREATE TABLE delta.`{path}` (id INT) USING delta")
    for n in (1, 2):
        shop.spark.range(n, n + 1, 1, 1).selectExpr("CAST(id AS INT) AS id").write.format("delta").mode("append").option("txnAppId", "loader").option(
            "txnVersion", n
        ).save(path)
    shop.sql(f"DELETE FROM delta.`{path}` WHERE id = 2")
    shop.sql(f"INSERT INTO delta.`{path}` VALUES (3)")
    first = read_commit(path, 0)
    added = [action for action in read_commit(path, 1) if "add" in action]
    removed = [action for action in read_commit(path, 3) if "remove" in action]
    transactions = [action for action in read_commit(path, 2) if "txn" in action]
    stamp = int(time.time() * 1000)
    info = {"commitInfo": {"timestamp": stamp, "operation": "Manual Update", "operationParameters": {}, "isBlindAppend": False}}
    repeated = [action for action in first if "protocol" in action or "metaData" in action]
    again = [{"add": {**action["add"], "dataChange": False}} for action in added]
    _write_new(path, 5, [info, *repeated, *again, *removed, *transactions])
    drop_version_checksums(path)
    shop.keep(name, path, shop.expect(path, txn={"loader": 2}, note="version 5 repeats earlier actions by hand; Spark reads every row once"))


def duplicate_in_commit(shop, name):
    """The same add twice in one commit, which a writer must not do and no reader may count twice."""
    path = shop.table(name)
    shop.sql(f"CREATE TABLE delta.`{path}` (id INT) USING delta")
    shop.sql(f"INSERT INTO delta.`{path}` VALUES (1)")
    shop.sql(f"INSERT INTO delta.`{path}` VALUES (2)")
    actions = read_commit(path, 2)
    write_commit(path, 2, actions + [action for action in actions if "add" in action])
    drop_version_checksums(path)
    shop.keep(name, path, shop.expect(path, note="the add of version 2 was doubled by hand; reading it once, as Spark does, or refusing the table are both right"))


def _write_new(path, version, actions):
    with open(commit_path(path, version), "w", encoding="utf-8") as out:
        out.writelines(json.dumps(action, separators=(",", ":")) + "\n" for action in actions)


def commit_timestamps(shop, name):
    """In-commit timestamps switched on after two versions. Earlier versions have the file's modification time, which the test must set."""
    path = shop.table(name)
    shop.sql(f"CREATE TABLE delta.`{path}` (id INT) USING delta")
    shop.sql(f"INSERT INTO delta.`{path}` VALUES (1)")
    shop.sql(f"INSERT INTO delta.`{path}` VALUES (2)")
    shop.sql(f"ALTER TABLE delta.`{path}` SET TBLPROPERTIES ('delta.enableInCommitTimestamps' = 'true')")
    shop.sql(f"INSERT INTO delta.`{path}` VALUES (3)")
    shop.sql(f"INSERT INTO delta.`{path}` VALUES (4)")
    stamps = {}
    for version in range(3, 6):
        for action in read_commit(path, version):
            if "commitInfo" in action:
                stamps[version] = action["commitInfo"]["inCommitTimestamp"]
    for version in range(3):
        stamps[version] = stamps[3] - (3 - version) * 60_000
        file = commit_path(path, version)
        os.utime(file, (stamps[version] / 1000, stamps[version] / 1000))
        drop_hadoop_checksum(file)
    # Modification times after the switch say nothing: make them contradict the in-commit ones.
    for version in range(3, 6):
        os.utime(commit_path(path, version), (stamps[0] / 1000 - 1000 * version, stamps[0] / 1000 - 1000 * version))
    answer = shop.expect(path)
    answer["modificationTimes"] = {str(version): stamps[version] for version in range(3)}
    answer["commitTimestamps"] = {str(version): stamps[version] for version in range(6)}
    answer["asOfTimestamp"] = [_as_of(shop, path, moment) for moment in _moments(stamps)]
    shop.keep(name, path, answer)


def _moments(stamps):
    yield stamps[0] - 1
    for version in range(6):
        yield stamps[version]
        if version < 5:
            yield stamps[version + 1] - 1
    yield stamps[5] + 1


def _as_of(shop, path, moment):
    text = time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime(moment // 1000)) + f".{moment % 1000:03d}"
    entry = {"timestamp": moment}
    try:
        entry["rows"] = shop.spark.read.format("delta").option("timestampAsOf", text).load(path).count()
        entry["version"] = _version_at(shop, path, text)
    except Exception as error:
        condition = getattr(error, "getCondition", lambda: None)()
        entry.pop("rows", None)
        entry["error"] = condition or type(error).__name__
    return entry


def _version_at(shop, path, text):
    log = shop.spark._jvm.org.apache.spark.sql.delta.DeltaLog.forTable(shop.spark._jsparkSession, path)
    stamp = shop.spark._jvm.java.sql.Timestamp.valueOf(text)
    commit = log.history().getActiveCommitAtTime(stamp, log.initialCatalogTable(), True, True, False)
    return commit.version()


def application_transactions(shop, name):
    path = shop.table(name)
    for app, version in (("alpha", 1), ("beta", 9), ("alpha", 2), ("alpha", 2)):
        shop.spark.range(1).selectExpr("CAST(id AS INT) AS id").coalesce(1).write.format("delta").mode("append").option("txnAppId", app).option(
            "txnVersion", version
        ).save(path)
    _checkpoint(shop, path)
    shop.keep(name, path, shop.expect(path, txn={"alpha": 2, "beta": 9}, note="the second alpha 2 wrote nothing"))


MAKERS = {
    "checkpoint-classic-truncated": classic_checkpoint,
    "checkpoint-multipart": multipart_checkpoint,
    "checkpoint-multipart-incomplete": incomplete_multipart,
    "checkpoint-v2-json": v2_checkpoint("json"),
    "checkpoint-v2-parquet": v2_checkpoint("parquet"),
    "duplicate-actions": duplicate_actions,
    "duplicate-in-commit": duplicate_in_commit,
    "commit-timestamps-mid-history": commit_timestamps,
    "app-transactions": application_transactions,
}
