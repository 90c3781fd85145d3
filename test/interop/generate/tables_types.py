"""Fixtures about data types: forty columns, variants, every type change that the protocol allows, partition values of every type."""

from support import to_line

FORTY = """
b BYTE, s SHORT, i INT, l LONG, f FLOAT, d DOUBLE, dec_4_2 DECIMAL(4,2), dec_9_0 DECIMAL(9,0), dec_18_6 DECIMAL(18,6),
dec_19_0 DECIMAL(19,0), dec_38_10 DECIMAL(38,10), dec_38_38 DECIMAL(38,38), str STRING, vc VARCHAR(20), ch CHAR(4), bin BINARY,
flag BOOLEAN, day DATE, ts TIMESTAMP, ntz TIMESTAMP_NTZ,
arr_i ARRAY<INT>, arr_str ARRAY<STRING>, arr_arr ARRAY<ARRAY<DOUBLE>>, arr_struct ARRAY<STRUCT<x: INT, y: STRING>>,
arr_dec ARRAY<DECIMAL(10,2)>, arr_ts ARRAY<TIMESTAMP>,
map_s_i MAP<STRING, INT>, map_i_s MAP<INT, STRING>, map_d_arr MAP<DATE, ARRAY<INT>>, map_s_struct MAP<STRING, STRUCT<q: DOUBLE, w: DATE>>,
st STRUCT<a: INT, b: STRING>, st_deep STRUCT<o: STRUCT<p: STRUCT<leaf: LONG>>, n: ARRAY<MAP<STRING, BYTE>>>,
st_all STRUCT<b: BYTE, s: SHORT, f: FLOAT, bin: BINARY, flag: BOOLEAN, ntz: TIMESTAMP_NTZ>,
req STRING NOT NULL, `sp ace` STRING, `ünï.cødé` INT, `back``tick` INT, `UPPER` STRING, map_ts MAP<TIMESTAMP, BINARY>, st_null STRUCT<k: STRING>
"""

FORTY_ROWS = [
    """1Y, 2S, 3, 4L, CAST(0.1 AS FLOAT), 0.1D, 12.34, 123456789, 123456789012.345678, 1234567890123456789, 1234567890123456789012345678.0123456789,
    CAST('0.12345678901234567890123456789012345678' AS DECIMAL(38,38)), 'plain', 'varchar', 'abcd', X'00FF10', true, DATE'2024-02-29',
    TIMESTAMP'2024-02-29 12:34:56.789012', TIMESTAMP_NTZ'2024-02-29 12:34:56.789012',
    array(1, 2, null), array('a', '', null), array(array(1.5D), array(), null), array(named_struct('x', 1, 'y', 'one'), null),
    array(CAST(1.25 AS DECIMAL(10,2))), array(TIMESTAMP'1999-12-31 23:59:59.999999'),
    map('k', 1, 'n', null), map(7, 'seven'), map(DATE'2020-01-01', array(1, 2)), map('m', named_struct('q', 1.5D, 'w', DATE'1970-01-01')),
    named_struct('a', 1, 'b', 'x'), named_struct('o', named_struct('p', named_struct('leaf', 9L)), 'n', array(map('z', 1Y))),
    named_struct('b', 1Y, 's', 2S, 'f', CAST(1.5 AS FLOAT), 'bin', X'01', 'flag', false, 'ntz', TIMESTAMP_NTZ'2000-01-01 00:00:00'),
    'always', 'space', 1, 2, 'up', map(TIMESTAMP'2001-01-01 00:00:00', X'CAFE'), named_struct('k', CAST(null AS STRING))""",
    """-128Y, -32768S, -2147483648, -9223372036854775808L, CAST('-Infinity' AS FLOAT), CAST('NaN' AS DOUBLE), -99.99, -999999999,
    -999999999999.999999, -9999999999999999999, -9999999999999999999999999999.9999999999,
    CAST('-0.99999999999999999999999999999999999999' AS DECIMAL(38,38)), 'Zürich — 東京 🦆', '', '', X'', false, DATE'1582-10-15',
    TIMESTAMP'1883-11-18 12:00:00.000001', TIMESTAMP_NTZ'1900-01-01 00:00:00.000001',
    array(), array('日本', 'quote"', 'back\\\\slash'), array(), array(), array(CAST(-99999999.99 AS DECIMAL(10,2)), null), array(),
    map(), map(-1, ''), map(DATE'9999-12-31', array()), map('empty', null),
    named_struct('a', null, 'b', ''), named_struct('o', named_struct('p', CAST(null AS STRUCT<leaf: LONG>)), 'n', array(map(), null)),
    named_struct('b', -128Y, 's', -32768S, 'f', CAST('NaN' AS FLOAT), 'bin', X'', 'flag', true, 'ntz', TIMESTAMP_NTZ'9999-12-31 23:59:59.999999'),
    '', '', -1, -2, 'UP', map(), CAST(null AS STRUCT<k: STRING>)""",
    """127Y, 32767S, 2147483647, 9223372036854775807L, CAST(3.4028235E38 AS FLOAT), 1.7976931348623157E308D, 99.99, 999999999,
    999999999999.999999, 9999999999999999999, 9999999999999999999999999999.9999999999,
    CAST('0.00000000000000000000000000000000000001' AS DECIMAL(38,38)), 'line\\nbreak\\ttab', 'twenty characters ok', 'zzzz', X'FFFFFFFF', true,
    DATE'9999-12-31', TIMESTAMP'9999-12-31 23:59:59.999999', TIMESTAMP_NTZ'9999-12-31 23:59:59.999999',
    array(2147483647), array('\\u0000'), array(array(CAST('NaN' AS DOUBLE), -0.0D)), array(named_struct('x', null, 'y', null)),
    array(), array(null), map('', 0), map(2147483647, null), map(), map(),
    named_struct('a', 2147483647, 'b', null), named_struct('o', null, 'n', null), null, 'r', null, null, null, null, null, null""",
    "null, " * 33 + "'only required', null, null, null, null, null, null",
]

WIDENING = "'delta.enableTypeWidening' = 'true', 'delta.feature.timestampNtz' = 'supported'"

WIDENINGS = [
    ("byte_short", "BYTE", "SHORT", "{n}Y", "300S"),
    ("byte_int", "BYTE", "INT", "{n}Y", "70000"),
    ("byte_long", "BYTE", "LONG", "{n}Y", "5000000000L"),
    ("byte_double", "BYTE", "DOUBLE", "{n}Y", "1.5D"),
    ("byte_decimal", "BYTE", "DECIMAL(10,0)", "{n}Y", "9999999999"),
    ("short_int", "SHORT", "INT", "{n}00S", "70000"),
    ("short_long", "SHORT", "LONG", "{n}00S", "5000000000L"),
    ("short_double", "SHORT", "DOUBLE", "{n}00S", "0.25D"),
    ("short_decimal", "SHORT", "DECIMAL(12,2)", "{n}00S", "1234567890.12"),
    ("int_long", "INT", "LONG", "{n}00000", "9223372036854775807L"),
    ("int_double", "INT", "DOUBLE", "{n}00000", "1e300D"),
    ("int_decimal", "INT", "DECIMAL(15,5)", "{n}00000", "1234567890.12345"),
    ("long_decimal", "LONG", "DECIMAL(20,0)", "{n}0000000000L", "12345678901234567890"),
    ("long_decimal_wide", "LONG", "DECIMAL(38,10)", "{n}0000000000L", "1234567890123456789012345678.0123456789"),
    ("float_double", "FLOAT", "DOUBLE", "CAST({n}.1 AS FLOAT)", "0.1D"),
    ("date_ntz", "DATE", "TIMESTAMP_NTZ", "DATE'2024-01-0{n}'", "TIMESTAMP_NTZ'2024-06-01 01:02:03.000004'"),
    ("decimal_precision", "DECIMAL(5,2)", "DECIMAL(12,2)", "{n}23.45", "1234567890.12"),
    ("decimal_both", "DECIMAL(5,2)", "DECIMAL(20,6)", "{n}23.45", "12345678901234.123456"),
    ("decimal_38", "DECIMAL(18,3)", "DECIMAL(38,10)", "{n}23.456", "1234567890123456789012345678.0123456789"),
]


def forty_columns(shop, name):
    path = shop.table(name)
    with shop.conf(spark__sql__parquet__outputTimestampType="TIMESTAMP_MICROS"):
        shop.sql(f"CREATE TABLE delta.`{path}` ({FORTY}) USING delta TBLPROPERTIES ('delta.columnMapping.mode' = 'name')")
        shop.sql(f"INSERT INTO delta.`{path}` VALUES ({FORTY_ROWS[0]}), ({FORTY_ROWS[1]})")
        shop.sql(f"INSERT INTO delta.`{path}` VALUES ({FORTY_ROWS[2]}), ({FORTY_ROWS[3]})")
    # The protocol knows no CHAR: what the files hold is a string, which only Spark fills up with blanks as it reads.
    with shop.conf(spark__sql__readSideCharPadding="false"):
        shop.keep(name, path, shop.expect(path))


def int96(shop, name):
    path = shop.table(name)
    with shop.conf(spark__sql__parquet__outputTimestampType="INT96"):
        shop.sql(f"CREATE TABLE delta.`{path}` (id INT, ts TIMESTAMP, st STRUCT<t: TIMESTAMP>, arr ARRAY<TIMESTAMP>) USING delta")
        shop.sql(
            f"""INSERT INTO delta.`{path}` VALUES
            (1, TIMESTAMP'2024-02-29 12:34:56.789012', named_struct('t', TIMESTAMP'1969-12-31 23:59:59.999999'), array(TIMESTAMP'2038-01-19 03:14:08')),
            (2, TIMESTAMP'1850-06-15 01:02:03.000004', named_struct('t', TIMESTAMP'9999-12-31 23:59:59.999999'), array(null)), (3, null, null, null)"""
        )
    shop.keep(name, path, shop.expect(path))


def variant(shop, name):
    path = shop.table(name)
    shop.sql(f"CREATE TABLE delta.`{path}` (id INT, v VARIANT, st STRUCT<inner: VARIANT>, arr ARRAY<VARIANT>) USING delta")
    shop.sql(
        f"""INSERT INTO delta.`{path}` VALUES
        (1, parse_json('{{"a": 1, "b": [true, null, "x"], "c": {{"d": 1.5, "e": 12345678901234567890.12}}}}'), named_struct('inner', parse_json('[]')), array(parse_json('1'))),
        (2, parse_json('"just text that is longer than sixty-three characters, so that it needs the long string form"'), null, array(null, parse_json('{{}}'))),
        (3, parse_json('null'), named_struct('inner', null), null), (4, null, null, null),
        (5, parse_json('-9223372036854775808'), named_struct('inner', parse_json('{{"ü": "東京"}}')), array())"""
    )
    shop.keep(name, path, shop.expect(path))


def variant_scalars(shop, name):
    path = shop.table(name)
    shop.sql(f"CREATE TABLE delta.`{path}` (kind STRING, v VARIANT) USING delta")
    shop.sql(
        f"""INSERT INTO delta.`{path}` VALUES ('byte', 1Y::VARIANT), ('short', 300S::VARIANT), ('int', 70000::VARIANT), ('long', 5000000000L::VARIANT),
        ('double', 0.1D::VARIANT), ('float', CAST(1.5 AS FLOAT)::VARIANT), ('decimal', 12.34::VARIANT), ('decimal38', 1234567890123456789012345678.0123456789::VARIANT),
        ('true', true::VARIANT), ('date', DATE'2024-02-29'::VARIANT), ('timestamp', TIMESTAMP'2024-02-29 12:34:56.789'::VARIANT),
        ('ntz', TIMESTAMP_NTZ'2024-02-29 12:34:56.789'::VARIANT), ('binary', X'00FF'::VARIANT), ('map', to_variant_object(map('k', 1))),
        ('struct', to_variant_object(named_struct('x', array(1, 2), 'y', named_struct('z', DATE'1970-01-01'))))"""
    )
    frame = shop.spark.read.format("delta").load(path).selectExpr("kind", "to_json(v) AS json")
    note = "the protocol does not say how dates, timestamps and binary look as JSON: jsonBySpark is Spark's own text"
    shop.keep(name, path, shop.expect(path, jsonBySpark={row["kind"]: row["json"] for row in frame.collect()}, note=note))


def variant_shredded(shop, name):
    path = shop.table(name)
    shop.sql(f"CREATE TABLE delta.`{path}` (id INT, v VARIANT) USING delta TBLPROPERTIES ('delta.enableVariantShredding' = 'true')")
    shape = "a INT, b STRING, c ARRAY<INT>, d STRUCT<e: DOUBLE>"
    with shop.conf(spark__sql__variant__writeShredding__enabled="true", spark__sql__variant__forceShreddingSchemaForTest=shape):
        shop.sql(
            f"""INSERT INTO delta.`{path}` VALUES
            (1, parse_json('{{"a": 1, "b": "x", "c": [1, 2], "d": {{"e": 1.5}}}}')), (2, parse_json('{{"a": "not a number", "rest": true}}')),
            (3, parse_json('{{"c": [1, "mixed", null], "d": {{"e": "no", "f": 1}}}}')), (4, parse_json('[1, 2]')), (5, null), (6, parse_json('null')),
            (7, parse_json('{{"a": null, "b": null}}'))"""
        )
    shop.keep(name, path, shop.expect(path))


def widening(shop, name):
    path = shop.table(name)
    columns = ", ".join(f"{column} {before}" for column, before, _, _, _ in WIDENINGS)
    shop.sql(f"CREATE TABLE delta.`{path}` (id INT, {columns}) USING delta TBLPROPERTIES ({WIDENING})")
    values = [", ".join(old.format(n=n) for _, _, _, old, _ in WIDENINGS) for n in (1, 2)]
    nulls = ", ".join("null" for _ in WIDENINGS)
    shop.sql(f"INSERT INTO delta.`{path}` VALUES (1, {values[0]}), (2, {values[1]}), (3, {nulls})")
    wider = ", ".join(f"{column} {after}" for column, _, after, _, _ in WIDENINGS)
    shop.spark.createDataFrame([], f"id INT, {wider}").write.format("delta").mode("append").option("mergeSchema", "true").save(path)
    for column, _, after, _, _ in WIDENINGS:
        if shop.spark.read.format("delta").load(path).schema[column].dataType.simpleString() != after.lower().replace("long", "bigint").replace("short", "smallint"):
            shop.sql(f"ALTER TABLE delta.`{path}` CHANGE COLUMN {column} TYPE {after}")
    shop.sql(f"INSERT INTO delta.`{path}` VALUES (4, {', '.join(new for _, _, _, _, new in WIDENINGS)}), (5, {nulls})")
    shop.keep(name, path, shop.expect(path))


def widening_nested(shop, name):
    path = shop.table(name)
    shop.sql(
        f"""CREATE TABLE delta.`{path}` (id INT, st STRUCT<a: BYTE, deep: STRUCT<f: FLOAT>>, arr ARRAY<SHORT>, m MAP<BYTE, INT>,
        mix MAP<STRING, ARRAY<STRUCT<d: DATE>>>, chain BYTE) USING delta TBLPROPERTIES ({WIDENING})"""
    )
    row = "named_struct('a', 1Y, 'deep', named_struct('f', CAST(1.1 AS FLOAT))), array(1S, null), map(1Y, 2), map('k', array(named_struct('d', DATE'2024-01-01')))"
    shop.sql(f"INSERT INTO delta.`{path}` VALUES (1, {row}, 1Y)")
    for column, kind in (
        ("st.a", "INT"), ("st.deep.f", "DOUBLE"), ("arr.element", "INT"), ("m.key", "SHORT"), ("m.value", "LONG"),
        ("mix.value.element.d", "TIMESTAMP_NTZ"), ("chain", "SHORT"),
    ):  # fmt: skip
        shop.sql(f"ALTER TABLE delta.`{path}` CHANGE COLUMN {column} TYPE {kind}")
    wide = (
        "named_struct('a', 70000, 'deep', named_struct('f', 0.1D)), array(70000), map(300S, 5000000000L), "
        "map('k', array(named_struct('d', TIMESTAMP_NTZ'2024-06-01 01:02:03.5')))"
    )
    shop.sql(f"INSERT INTO delta.`{path}` VALUES (2, {wide}, 300S)")
    shop.sql(f"ALTER TABLE delta.`{path}` CHANGE COLUMN chain TYPE INT")
    shop.sql(f"ALTER TABLE delta.`{path}` CHANGE COLUMN chain TYPE LONG")
    shop.sql(f"INSERT INTO delta.`{path}` VALUES (3, null, null, null, null, 5000000000L)")
    shop.keep(name, path, shop.expect(path))


def widening_partition(shop, name):
    path = shop.table(name)
    shop.sql(f"CREATE TABLE delta.`{path}` (id INT, p BYTE, d DATE) USING delta PARTITIONED BY (p, d) TBLPROPERTIES ({WIDENING})")
    shop.sql(f"INSERT INTO delta.`{path}` VALUES (1, 1Y, DATE'2024-01-01'), (2, null, null)")
    shop.sql(f"ALTER TABLE delta.`{path}` CHANGE COLUMN p TYPE INT")
    shop.sql(f"ALTER TABLE delta.`{path}` CHANGE COLUMN d TYPE TIMESTAMP_NTZ")
    shop.sql(f"INSERT INTO delta.`{path}` VALUES (3, 70000, TIMESTAMP_NTZ'2024-06-01 01:02:03.000004')")
    shop.keep(name, path, shop.expect(path))


PARTITION_VALUES = [
    ("b", "BYTE", "-1Y"), ("s", "SHORT", "300S"), ("i", "INT", "-70000"), ("l", "LONG", "9223372036854775807L"), ("f", "FLOAT", "CAST(0.1 AS FLOAT)"),
    ("d", "DOUBLE", "-1.5E-10D"), ("dec", "DECIMAL(20,4)", "12345.6000"), ("str", "STRING", "'a b=c/d%e?'"), ("flag", "BOOLEAN", "true"),
    ("day", "DATE", "DATE'2024-02-29'"), ("ts", "TIMESTAMP", "TIMESTAMP'2024-02-29 12:34:56.789012'"),
    ("ntz", "TIMESTAMP_NTZ", "TIMESTAMP_NTZ'2024-02-29 12:34:56.5'"), ("bin", "BINARY", "X'4142'"),
]  # fmt: skip


def partition_types(shop, name):
    path = shop.table(name)
    columns = ", ".join(f"p_{column} {kind}" for column, kind, _ in PARTITION_VALUES)
    keys = ", ".join(f"p_{column}" for column, _, _ in PARTITION_VALUES)
    # Random prefixes keep thirteen levels of folders out of the repository.
    shop.sql(
        f"""CREATE TABLE delta.`{path}` (id INT, {columns}) USING delta PARTITIONED BY ({keys})
        TBLPROPERTIES ('delta.randomizeFilePrefixes' = 'true')"""
    )
    nulls = ", ".join("null" for _ in PARTITION_VALUES)
    shop.sql(f"INSERT INTO delta.`{path}` VALUES (1, {', '.join(value for _, _, value in PARTITION_VALUES)}), (2, {nulls})")
    shop.keep(name, path, shop.expect(path))


def partition_escapes(shop, name):
    path = shop.table(name)
    shop.sql(f"CREATE TABLE delta.`{path}` (id INT, part STRING) USING delta PARTITIONED BY (part)")
    texts = ["plain", "a b", "a%20b", "a=b", "a/b", "a:b", "ü", "東京", "", "#?&", "__HIVE_DEFAULT_PARTITION__", '"q"', "a+b"]
    frame = shop.spark.createDataFrame([(n, text) for n, text in enumerate(texts)] + [(99, None)], "id INT, part STRING")
    frame.coalesce(1).write.format("delta").mode("append").save(path)
    shop.keep(name, path, shop.expect(path))


MAKERS = {
    "forty-columns": forty_columns,
    "int96": int96,
    "variant": variant,
    "variant-scalars": variant_scalars,
    "variant-shredded": variant_shredded,
    "type-widening": widening,
    "type-widening-nested": widening_nested,
    "type-widening-partition": widening_partition,
    "partition-types": partition_types,
    "partition-escapes": partition_escapes,
}
