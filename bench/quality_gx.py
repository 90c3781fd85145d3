"""Twenty checks of bench/workloads/quality.ts in Great Expectations on pandas, the data in memory; a line a validation, its seconds alone."""
import json
import sys
import time

import great_expectations as gx
import pandas as pd

frame = pd.read_parquet(sys.argv[1])
classes = [f"class {i}" for i in range(12)]
context = gx.get_context(mode="ephemeral")  # suites look for it
E = gx.expectations
suite = gx.ExpectationSuite(name="bench")
for expectation in [
    E.ExpectColumnValuesToNotBeNull(column="id"),
    E.ExpectColumnValuesToNotBeNull(column="placed"),
    E.ExpectColumnValuesToBeUnique(column="id"),
    E.ExpectColumnValuesToBeBetween(column="amount", min_value=0, max_value=99999),
    E.ExpectColumnValuesToBeBetween(column="price", min_value=0, max_value=1100),
    E.ExpectColumnValuesToBeInSet(column="class", value_set=classes),
    E.ExpectColumnValuesToNotBeInSet(column="customer", value_set=["nobody", ""]),
    E.ExpectColumnValuesToMatchRegex(column="reference", regex="^order [0-9a-f]+$"),
    E.ExpectColumnValueLengthsToBeBetween(column="reference", min_value=10, max_value=30),
    E.ExpectColumnValuesToNotBeNull(column="paid"),
    E.ExpectColumnValuesToBeBetween(column="share", min_value=0, max_value=1000),
    E.ExpectColumnValuesToBeBetween(column="discount", min_value=0, max_value=49999),
    E.ExpectColumnPairValuesAToBeGreaterThanB(column_A="id", column_B="discount", or_equal=True, mostly=0.5, ignore_row_if="either_value_is_missing"),
    E.ExpectTableRowCountToBeBetween(min_value=1),
    E.ExpectTableColumnsToMatchSet(column_set=list(frame.columns)),
    E.ExpectColumnMeanToBeBetween(column="price", min_value=100, max_value=1000),
    E.ExpectColumnStdevToBeBetween(column="price", min_value=1),
    E.ExpectColumnMaxToBeBetween(column="amount", max_value=99999),
    E.ExpectColumnUniqueValueCountToBeBetween(column="customer", max_value=200),
    E.ExpectColumnDistinctValuesToBeInSet(column="class", value_set=classes),
]:
    suite.add_expectation(expectation)

batch = context.data_sources.add_pandas("p").add_dataframe_asset("a").add_batch_definition_whole_dataframe("b").get_batch({"dataframe": frame})
for _ in range(3):
    start, processor = time.perf_counter(), time.process_time()
    result = batch.validate(suite)
    seconds, processor = time.perf_counter() - start, time.process_time() - processor
    print(json.dumps({"seconds": seconds, "processor": processor, "passed": sum(1 for one in result.results if one.success)}), flush=True)
