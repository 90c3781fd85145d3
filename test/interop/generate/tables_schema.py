"""Fixtures about schemas: column mapping with renames and drops, defaults, constraints, generated and identity columns."""

from support import drop_version_checksums, read_commit, write_commit


def nested_mapping(mode):
    def make(shop, name):
        path = shop.table(name)
        shop.sql(
            f"""CREATE TABLE delta.`{path}` (id INT, person STRUCT<name: STRING, home: STRUCT<street: STRING, zip: INT, old: STRING>>,
            visits ARRAY<STRUCT<day: DATE, note: STRUCT<text: STRING, mood: INT>>>, tags MAP<STRING, STRUCT<weight: DOUBLE, kind: STRING>>, gone STRING)
            USING delta TBLPROPERTIES ('delta.columnMapping.mode' = '{mode}')"""
        )
        shop.sql(
            f"""INSERT INTO delta.`{path}` VALUES (1, named_struct('name', 'Ada', 'home', named_struct('street', 'A', 'zip', 1, 'old', 'first')),
            array(named_struct('day', DATE'2024-01-01', 'note', named_struct('text', 't1', 'mood', 1))), map('k', named_struct('weight', 1.5D, 'kind', 'x')), 'dropped'),
            (2, null, null, null, null)"""
        )
        for change in (
            "RENAME COLUMN person TO who", "RENAME COLUMN who.home TO address", "RENAME COLUMN who.address.zip TO postcode",
            "DROP COLUMN who.address.old", "ADD COLUMN (who.address.old INT)", "RENAME COLUMN visits.element.note TO remark",
            "DROP COLUMN visits.element.remark.mood", "RENAME COLUMN tags.value.weight TO kind2", "DROP COLUMN gone", "ADD COLUMN (gone INT)",
        ):  # fmt: skip
            shop.sql(f"ALTER TABLE delta.`{path}` {change}")
        shop.sql(
            f"""INSERT INTO delta.`{path}` VALUES (3, named_struct('name', 'Bob', 'address', named_struct('street', 'B', 'postcode', 2, 'old', 42)),
            array(named_struct('day', DATE'2024-02-02', 'remark', named_struct('text', 't2'))), map('m', named_struct('kind2', 2.5D, 'kind', 'y')), 7)"""
        )
        shop.keep(name, path, shop.expect(path))

    return make


def mapping_partitioned_swap(shop, name):
    path = shop.table(name)
    shop.sql(
        f"""CREATE TABLE delta.`{path}` (a INT, b INT, part STRING) USING delta PARTITIONED BY (part)
        TBLPROPERTIES ('delta.columnMapping.mode' = 'name', 'delta.enableDeletionVectors' = 'true')"""
    )
    shop.sql(f"INSERT INTO delta.`{path}` VALUES (1, 10, 'x'), (2, 20, 'x'), (3, 30, 'y')")
    for change in ("a TO tmp", "b TO a", "tmp TO b", "part TO a_part"):
        shop.sql(f"ALTER TABLE delta.`{path}` RENAME COLUMN {change}")
    shop.sql(f"INSERT INTO delta.`{path}` VALUES (4, 40, 'y')")
    shop.sql(f"DELETE FROM delta.`{path}` WHERE b = 1")
    shop.keep(name, path, shop.expect(path, note="the names of two columns were swapped, the partition column renamed"))


def column_defaults(shop, name):
    path = shop.table(name)
    shop.sql(
        f"""CREATE TABLE delta.`{path}` (id INT, city STRING DEFAULT 'Bern', at DATE DEFAULT DATE'2024-01-01', n DECIMAL(6,2) DEFAULT 1.50)
        USING delta TBLPROPERTIES ('delta.feature.allowColumnDefaults' = 'supported')"""
    )
    shop.sql(f"INSERT INTO delta.`{path}` (id) VALUES (1)")
    shop.sql(f"ALTER TABLE delta.`{path}` ALTER COLUMN city SET DEFAULT 'Basel'")
    shop.sql(f"ALTER TABLE delta.`{path}` ADD COLUMN (extra INT)")
    shop.sql(f"ALTER TABLE delta.`{path}` ALTER COLUMN extra SET DEFAULT 7")
    shop.sql(f"INSERT INTO delta.`{path}` (id, n) VALUES (2, DEFAULT), (3, 9.99)")
    shop.keep(name, path, shop.expect(path, note="a default never fills a column that an old file lacks"))


def constraints(shop, name):
    path = shop.table(name)
    shop.sql(f"CREATE TABLE delta.`{path}` (id INT NOT NULL, amount DECIMAL(10,2), st STRUCT<k: INT NOT NULL, v: STRING>) USING delta")
    shop.sql(f"INSERT INTO delta.`{path}` VALUES (1, 10.00, named_struct('k', 1, 'v', 'x'))")
    shop.sql(f"ALTER TABLE delta.`{path}` ADD CONSTRAINT positive CHECK (amount > 0)")
    shop.sql(f"ALTER TABLE delta.`{path}` ADD CONSTRAINT `odd name` CHECK (id < 1000 AND (st.v IS NULL OR length(st.v) < 5))")
    shop.sql(f"INSERT INTO delta.`{path}` VALUES (2, 0.01, named_struct('k', 2, 'v', null))")
    shop.sql(f"ALTER TABLE delta.`{path}` ADD CONSTRAINT temporary CHECK (id <> 77)")
    shop.sql(f"ALTER TABLE delta.`{path}` DROP CONSTRAINT temporary")
    refused = _refusal(shop, f"INSERT INTO delta.`{path}` VALUES (4, -1, null)")
    unknown = _refusal(shop, f"INSERT INTO delta.`{path}` VALUES (5, null, null)")
    shop.keep(name, path, shop.expect(path, note=f"Spark refuses amount = -1 with {refused}, amount = null with {unknown}"))


def invariants(shop, name):
    from pyspark.sql.types import IntegerType, StringType, StructField, StructType

    path = shop.table(name)
    rule = {"delta.invariants": '{"expression":{"expression":"id > 3"}}'}
    inner = {"delta.invariants": '{"expression":{"expression":"st.n IS NULL OR st.n < 10"}}'}
    schema = StructType(
        [
            StructField("id", IntegerType(), True, rule),
            StructField("st", StructType([StructField("n", IntegerType(), True, inner), StructField("t", StringType())])),
        ]
    )
    shop.spark.createDataFrame([(4, (9, "a")), (5, (None, None))], schema).coalesce(1).write.format("delta").save(path)
    actions = read_commit(path, 0)
    if "delta.invariants" not in str(actions):
        raise AssertionError("Spark left the invariants out of the schema")
    shop.spark.createDataFrame([(6, None)], schema).write.format("delta").mode("append").save(path)
    refused = _refusal(shop, f"INSERT INTO delta.`{path}` VALUES (1, null)")
    shop.keep(name, path, shop.expect(path, note=f"Spark refuses id = 1 with {refused}"))


def generated_columns(shop, name):
    path = shop.table(name)
    shop.sql(
        f"""CREATE TABLE delta.`{path}` (id LONG GENERATED BY DEFAULT AS IDENTITY (START WITH 100 INCREMENT BY 10), at TIMESTAMP, n INT,
        day DATE GENERATED ALWAYS AS (CAST(at AS DATE)), twice LONG GENERATED ALWAYS AS (CAST(n AS LONG) * 2)) USING delta PARTITIONED BY (day)"""
    )
    shop.sql(f"INSERT INTO delta.`{path}` (at, n) VALUES (TIMESTAMP'2024-01-01 23:00:00', 1), (TIMESTAMP'2024-01-02 00:00:00', 2)")
    shop.sql(f"INSERT INTO delta.`{path}` (id, at, n) VALUES (7, TIMESTAMP'2024-01-02 12:00:00', null)")
    shop.sql(f"INSERT INTO delta.`{path}` (at, n) VALUES (null, 4)")
    shop.keep(name, path, shop.expect(path))


def identity_always(shop, name):
    path = shop.table(name)
    shop.sql(f"CREATE TABLE delta.`{path}` (id LONG GENERATED ALWAYS AS IDENTITY (START WITH -1 INCREMENT BY -1), v STRING) USING delta")
    shop.sql(f"INSERT INTO delta.`{path}` (v) VALUES ('a'), ('b')")
    shop.sql(f"INSERT INTO delta.`{path}` (v) VALUES ('c')")
    shop.keep(name, path, shop.expect(path))


def void_column(shop, name):
    path = shop.table(name)
    shop.spark.range(2).coalesce(1).selectExpr("CAST(id AS INT) AS id", "NULL AS nothing", "named_struct('a', 1, 'n', NULL) AS st").write.format("delta").save(path)
    shop.sql(f"ALTER TABLE delta.`{path}` ADD COLUMN (later STRING)")
    shop.keep(name, path, shop.expect(path))


def unknown_writer_feature(shop, name):
    path = shop.table(name)
    shop.sql(f"CREATE TABLE delta.`{path}` (id INT) USING delta TBLPROPERTIES ('delta.feature.domainMetadata' = 'supported')")
    shop.sql(f"INSERT INTO delta.`{path}` VALUES (1), (2)")
    answer = shop.expect(path)
    _add_features(path, [], ["somethingNobodyKnows"])
    answer["note"] = "a writer feature that no implementation knows was added by hand: readable, never writable"
    answer["features"] = sorted(answer["features"] + ["somethingNobodyKnows"])
    shop.keep(name, path, answer)


def unknown_reader_feature(shop, name):
    path = shop.table(name)
    shop.sql(f"CREATE TABLE delta.`{path}` (id INT) USING delta TBLPROPERTIES ('delta.enableDeletionVectors' = 'true')")
    shop.sql(f"INSERT INTO delta.`{path}` VALUES (1), (2)")
    answer = shop.expect(path)
    _add_features(path, ["somethingNobodyKnows"], ["somethingNobodyKnows"])
    for field in ("rows", "rowsByVersion", "rowData"):
        del answer[field]
    answer["features"] = sorted(answer["features"] + ["somethingNobodyKnows"])
    answer["must_reject"] = "reader feature somethingNobodyKnows: a scan must be refused by name, metadata and history may still be inspected"
    shop.keep(name, path, answer)


def _add_features(path, reader, writer):
    actions = read_commit(path, 0)
    for action in actions:
        if "protocol" in action:
            protocol = action["protocol"]
            protocol["writerFeatures"] = protocol["writerFeatures"] + writer
            if reader:
                protocol["readerFeatures"] = protocol["readerFeatures"] + reader
    write_commit(path, 0, actions)
    drop_version_checksums(path)


def _refusal(shop, statement):
    try:
        shop.sql(statement)
    except Exception as error:
        get_class = getattr(error, "getCondition", None) or getattr(error, "getErrorClass", None)
        return (get_class() if get_class else None) or type(error).__name__
    raise AssertionError(f"Spark accepted {statement}")


MAKERS = {
    "mapping-nested-name": nested_mapping("name"),
    "mapping-nested-id": nested_mapping("id"),
    "mapping-swapped-names": mapping_partitioned_swap,
    "column-defaults": column_defaults,
    "check-constraints": constraints,
    "invariants": invariants,
    "generated-identity": generated_columns,
    "identity-always": identity_always,
    "void-column": void_column,
    "unknown-writer-feature": unknown_writer_feature,
    "unknown-reader-feature": unknown_reader_feature,
}
