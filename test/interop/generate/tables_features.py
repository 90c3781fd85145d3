"""Fixtures about table features: deletion vectors, change data feed, row tracking, clustering, checkpoint protection, domains."""

import glob
import os
import re
import struct

from support import drop_hadoop_checksum, drop_version_checksums, read_commit, to_line, write_commit

Z85 = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ.-:+=^!/*?&<>()[]{}@%$#"


def _table_with_vectors(shop, name, ids=range(12)):
    path = shop.table(name)
    shop.sql(f"CREATE TABLE delta.`{path}` (id LONG, name STRING) USING delta TBLPROPERTIES ('delta.enableDeletionVectors' = 'true')")
    frame = shop.spark.createDataFrame([(n, f"n{n}") for n in ids], "id LONG, name STRING")
    frame.coalesce(1).write.format("delta").mode("append").save(path)
    shop.sql(f"DELETE FROM delta.`{path}` WHERE id IN (0, 5, 11)")
    return path


def _vector_files(path):
    return sorted(glob.glob(os.path.join(path, "**", "deletion_vector_*.bin"), recursive=True))


def _z85(data):
    data += b"\0" * (-len(data) % 4)
    text = ""
    for (word,) in struct.iter_unpack(">I", data):
        digits = ""
        for _ in range(5):
            digits = Z85[word % 85] + digits
            word //= 85
        text += digits
    return text


def deletion_vectors(shop, name):
    path = _table_with_vectors(shop, name)
    shop.sql(f"DELETE FROM delta.`{path}` WHERE id IN (1, 2)")
    shop.sql(f"UPDATE delta.`{path}` SET name = 'changed' WHERE id = 7")
    shop.sql(f"INSERT INTO delta.`{path}` VALUES (100, 'new')")
    shop.sql(f"DELETE FROM delta.`{path}` WHERE id = 100")
    shop.keep(name, path, shop.expect(path))


def inline_vectors(shop, name):
    """Spark only writes vectors to files: the script moves each one into the log, then Spark reads the result."""
    path = _table_with_vectors(shop, name)
    shop.sql(f"DELETE FROM delta.`{path}` WHERE id IN (1, 2)")
    for version in shop.versions(path):
        actions = read_commit(path, version)
        for action in actions:
            for kind in ("add", "remove"):
                vector = action.get(kind, {}).get("deletionVector")
                if vector:
                    action[kind]["deletionVector"] = _inline(path, vector)
        write_commit(path, version, actions)
    for file in _vector_files(path):
        os.remove(file)
        drop_hadoop_checksum(file)
    drop_version_checksums(path)
    answer = shop.expect(path, note="the vectors were moved from files into the log by hand, then read by Spark")
    shop.keep(name, path, answer)


def _inline(path, vector):
    for file in _vector_files(path):
        with open(file, "rb") as source:
            content = source.read()
        start = vector.get("offset", 1)
        (size,) = struct.unpack(">i", content[start : start + 4])
        if size == vector["sizeInBytes"] and _uuid_text(file) == vector["pathOrInlineDv"][-20:]:
            bitmap = content[start + 4 : start + 4 + size]
            return {"storageType": "i", "pathOrInlineDv": _z85(bitmap), "sizeInBytes": size, "cardinality": vector["cardinality"]}
    raise AssertionError(f"no vector file for {vector}")


def _uuid_text(file):
    digits = os.path.basename(file)[len("deletion_vector_") : -len(".bin")].replace("-", "")
    return _z85(bytes.fromhex(digits))


def damaged_vector(damage, note):
    def make(shop, name):
        path = _table_with_vectors(shop, name)
        answer = shop.expect(path)
        (file,) = _vector_files(path)
        with open(file, "rb") as source:
            content = bytearray(source.read())
        damage(content, path)
        with open(file, "wb") as out:
            out.write(content)
        drop_hadoop_checksum(file)
        shop.forget()
        try:
            word = f"Spark read {len(shop.rows(path))} rows all the same"
        except Exception as error:
            codes = re.findall(r"\[(DELTA_[A-Z_]+)", str(error))
            word = f"Spark refuses it: {codes[0] if codes else type(error).__name__}"
        del answer["rowData"]
        answer["must_reject"] = note
        answer["note"] = word
        answer["rowsByVersion"]["2"] = "unavailable"
        shop.keep(name, path, answer)

    return make


def _flip_checksum(content, _path):
    content[-1] ^= 0xFF


def _flip_bitmap(content, _path):
    content[-6] ^= 0x01


def _wrong_cardinality(_content, path):
    actions = read_commit(path, 2)
    for action in actions:
        if "deletionVector" in action.get("add", {}):
            action["add"]["deletionVector"]["cardinality"] += 1
    write_commit(path, 2, actions)
    drop_version_checksums(path)


def big_row_index_vector(shop, name):
    """Rows far apart give the bitmap more than one container, and a run container."""
    path = shop.table(name)
    shop.sql(f"CREATE TABLE delta.`{path}` (id INT) USING delta TBLPROPERTIES ('delta.enableDeletionVectors' = 'true')")
    shop.spark.range(0, 200000, 1, 1).selectExpr("CAST(id DIV 1000 AS INT) AS id").write.format("delta").mode("append").save(path)
    shop.sql(f"DELETE FROM delta.`{path}` WHERE id BETWEEN 3 AND 120 OR id IN (0, 150, 199)")
    answer = shop.expect(path, note="200 different values, 1000 of each; rowData counts them: n rows have this id")
    frame = shop.spark.read.format("delta").load(path).groupBy("id").count().orderBy("id")
    answer["groups"] = [[row["id"], row["count"]] for row in frame.collect()]
    del answer["rowData"]
    shop.keep(name, path, answer)


def change_feed(shop, name):
    path = shop.table(name)
    shop.sql(f"CREATE TABLE delta.`{path}` (id INT, part STRING, v STRING) USING delta PARTITIONED BY (part)")
    shop.sql(f"INSERT INTO delta.`{path}` VALUES (1, 'a', 'before the feed')")
    shop.sql(f"ALTER TABLE delta.`{path}` SET TBLPROPERTIES ('delta.enableChangeDataFeed' = 'true')")
    shop.sql(f"INSERT INTO delta.`{path}` VALUES (2, 'a', 'two'), (3, 'b', 'three'), (4, null, 'four')")
    shop.sql(f"UPDATE delta.`{path}` SET v = 'updated' WHERE id IN (1, 3)")
    shop.sql(f"DELETE FROM delta.`{path}` WHERE id = 2")
    _merge(shop, path)
    shop.sql(f"DELETE FROM delta.`{path}` WHERE part = 'b'")
    shop.sql(f"OPTIMIZE delta.`{path}`")
    shop.sql(f"INSERT OVERWRITE delta.`{path}` VALUES (9, 'z', 'nine')")
    last = shop.versions(path)[-1]
    ranges = [_range(shop, path, 3, last), _range(shop, path, 4, 5), _range(shop, path, last, last)]
    ranges.append({"start": 0, "end": last, "error": "version 1 was written before the feed was on"})
    ranges.append({"start": 5, "end": 4, "error": "reversed range"})
    ranges.append({"start": last + 1, "end": last + 2, "error": "starts after the latest version"})
    shop.keep(name, path, shop.expect(path, cdf=ranges))


def change_feed_vectors(shop, name):
    path = shop.table(name)
    shop.sql(
        f"""CREATE TABLE delta.`{path}` (id INT, part STRING, v STRING) USING delta TBLPROPERTIES ('delta.enableChangeDataFeed' = 'true',
        'delta.enableDeletionVectors' = 'true', 'delta.columnMapping.mode' = 'name', 'delta.enableRowTracking' = 'true')"""
    )
    frame = shop.spark.createDataFrame([(n, "a", f"v{n}") for n in range(10)], "id INT, part STRING, v STRING")
    frame.coalesce(1).write.format("delta").mode("append").save(path)
    shop.sql(f"DELETE FROM delta.`{path}` WHERE id IN (2, 4)")
    shop.sql(f"UPDATE delta.`{path}` SET v = 'updated' WHERE id = 3")
    _merge(shop, path)
    shop.sql(f"RESTORE TABLE delta.`{path}` TO VERSION AS OF 2")
    last = shop.versions(path)[-1]
    shop.keep(name, path, shop.expect(path, cdf=[_range(shop, path, 0, last), _range(shop, path, 2, 2), _range(shop, path, last, last)]))


def _merge(shop, path):
    shop.sql(
        f"""MERGE INTO delta.`{path}` t USING (SELECT * FROM VALUES (1, 'a', 'merged'), (3, 'b', null), (50, 'n', 'inserted') AS s(id, part, v)) s
        ON t.id = s.id WHEN MATCHED AND s.v IS NULL THEN DELETE WHEN MATCHED THEN UPDATE SET * WHEN NOT MATCHED THEN INSERT *"""
    )


def _range(shop, path, start, end):
    changes = shop.changes(path, start, end)
    return {"start": start, "end": end, "rows": len(changes), "changes": changes}


def row_tracking(shop, name):
    path = shop.table(name)
    shop.sql(f"CREATE TABLE delta.`{path}` (id INT, v STRING) USING delta TBLPROPERTIES ('delta.enableRowTracking' = 'true')")
    for low in (0, 4):
        frame = shop.spark.createDataFrame([(n, f"v{n}") for n in range(low, low + 4)], "id INT, v STRING")
        frame.coalesce(1).write.format("delta").mode("append").save(path)
    shop.sql(f"UPDATE delta.`{path}` SET v = 'updated' WHERE id IN (1, 6)")
    shop.sql(f"DELETE FROM delta.`{path}` WHERE id = 2")
    shop.sql(f"OPTIMIZE delta.`{path}`")
    shop.sql(f"INSERT INTO delta.`{path}` VALUES (100, 'late')")
    _keep_tracked(shop, name, path)


def row_tracking_late(shop, name):
    path = shop.table(name)
    shop.sql(f"CREATE TABLE delta.`{path}` (id INT, v STRING) USING delta TBLPROPERTIES ('delta.enableDeletionVectors' = 'true')")
    frame = shop.spark.createDataFrame([(n, f"v{n}") for n in range(4)], "id INT, v STRING")
    frame.coalesce(1).write.format("delta").mode("append").save(path)
    shop.sql(f"ALTER TABLE delta.`{path}` SET TBLPROPERTIES ('delta.enableRowTracking' = 'true')")
    shop.sql(f"UPDATE delta.`{path}` SET v = 'updated' WHERE id = 1")
    shop.sql(f"INSERT INTO delta.`{path}` VALUES (10, 'new')")
    _keep_tracked(shop, name, path)


def _keep_tracked(shop, name, path):
    columns = ["id", "v", "_metadata.row_id AS row_id", "_metadata.row_commit_version AS row_commit_version"]
    tracked = sorted(shop.rows(path, select=columns), key=to_line)
    shop.keep(name, path, shop.expect(path, rowTracking=tracked))


def clustering(shop, name):
    path = shop.table(name)
    shop.sql(f"CREATE TABLE delta.`{path}` (a INT, st STRUCT<b: STRING>, c DATE) USING delta CLUSTER BY (a, st.b)")
    shop.sql(f"INSERT INTO delta.`{path}` VALUES (1, named_struct('b', 'x'), DATE'2024-01-01'), (2, named_struct('b', 'y'), null)")
    shop.sql(f"INSERT INTO delta.`{path}` VALUES (3, null, DATE'2024-01-03')")
    shop.sql(f"OPTIMIZE delta.`{path}`")
    shop.sql(f"ALTER TABLE delta.`{path}` CLUSTER BY (c)")
    shop.keep(name, path, shop.expect(path, clusteringColumns=[["c"]]))


def checkpoint_protection(shop, name):
    path = _table_with_vectors(shop, name)
    shop.sql(f"ALTER TABLE delta.`{path}` DROP FEATURE deletionVectors")
    if not any("checkpointProtection" in str(read_commit(path, version)) for version in shop.versions(path)):
        raise AssertionError("Spark did not ask for checkpoint protection")
    shop.sql(f"INSERT INTO delta.`{path}` VALUES (50, 'after')")
    shop.keep(name, path, shop.expect(path))


def materialized_partitions(shop, name):
    path = shop.table(name)
    shop.sql(
        f"""CREATE TABLE delta.`{path}` (id INT, p STRING, q INT) USING delta PARTITIONED BY (p, q)
        TBLPROPERTIES ('delta.feature.materializePartitionColumns' = 'supported', 'delta.feature.vacuumProtocolCheck' = 'supported')"""
    )
    shop.sql(f"INSERT INTO delta.`{path}` VALUES (1, 'x', 1), (2, 'y', null), (3, null, 3)")
    shop.keep(name, path, shop.expect(path))


def iceberg_compat(shop, name):
    path = shop.table(name)
    shop.sql(
        f"""CREATE TABLE delta.`{path}` (id INT, arr ARRAY<INT>, m MAP<STRING, STRUCT<k: INT>>, p STRING) USING delta PARTITIONED BY (p)
        TBLPROPERTIES ('delta.enableIcebergCompatV2' = 'true', 'delta.columnMapping.mode' = 'name')"""
    )
    shop.sql(f"INSERT INTO delta.`{path}` VALUES (1, array(1), map('a', named_struct('k', 1)), 'x'), (2, null, null, null)")
    shop.keep(name, path, shop.expect(path))


MAKERS = {
    "deletion-vectors": deletion_vectors,
    "deletion-vectors-inline": inline_vectors,
    "deletion-vector-bad-checksum": damaged_vector(_flip_checksum, "the checksum stored beside the deletion vector does not match its bytes"),
    "deletion-vector-bad-bytes": damaged_vector(_flip_bitmap, "a bit of the deletion vector's bitmap was flipped: its checksum does not match"),
    "deletion-vector-bad-cardinality": damaged_vector(_wrong_cardinality, "the log says 4 rows are deleted, the vector holds 3"),
    "deletion-vector-containers": big_row_index_vector,
    "change-feed": change_feed,
    "change-feed-vectors": change_feed_vectors,
    "row-tracking": row_tracking,
    "row-tracking-late": row_tracking_late,
    "clustering": clustering,
    "checkpoint-protection": checkpoint_protection,
    "materialized-partitions": materialized_partitions,
    "iceberg-compat-v2": iceberg_compat,
}
