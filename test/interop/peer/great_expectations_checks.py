"""Runs checks by Great Expectations: a list of cases as JSON on standard input, their results on standard output.

A case is {"columns": {name: {"type": ..., "values": [...]}}, "type": expectation, "kwargs": {...}}.
"""

import json
import logging
import math
import sys
import warnings

warnings.filterwarnings("ignore")
logging.disable(logging.CRITICAL)

import great_expectations as gx  # noqa: E402
import great_expectations.expectations as gxe  # noqa: E402
import pandas as pd  # noqa: E402

FIELDS = (
    "element_count",
    "missing_count",
    "missing_percent",
    "unexpected_count",
    "unexpected_percent",
    "unexpected_percent_total",
    "unexpected_percent_nonmissing",
    "partial_unexpected_list",
    "observed_value",
)


def series(column):
    values = column["values"]
    if column["type"] in ("long", "double"):
        has_null = any(value is None for value in values)
        numbers = [float(value) if value is not None else None for value in values]
        whole = column["type"] == "long" and not has_null
        return pd.Series([int(n) for n in numbers] if whole else numbers, dtype="int64" if whole else "float64")
    return pd.Series(values, dtype="object")


def plain(value):
    if isinstance(value, dict):
        return {str(name): plain(item) for name, item in value.items()}
    if isinstance(value, (list, tuple, set)):
        return [plain(item) for item in value]
    if hasattr(value, "item"):
        value = value.item()
    if isinstance(value, float) and not math.isfinite(value):
        return None if math.isnan(value) else ("Infinity" if value > 0 else "-Infinity")
    return value


CLASSES = {
    item.expectation_type: item
    for item in vars(gxe).values()
    if isinstance(item, type) and isinstance(getattr(item, "expectation_type", None), str)
}


def run(definition, case):
    frame = pd.DataFrame({name: series(column) for name, column in case["columns"].items()})
    batch = definition.get_batch(batch_parameters={"dataframe": frame})
    try:
        expectation = CLASSES[case["type"]](**case["kwargs"])
        result = batch.validate(expectation, result_format="COMPLETE")
    except Exception as error:  # every way in which the library refuses is one answer
        return {"refused": f"{type(error).__name__}: {error}"[:300]}
    raised = result.exception_info
    flat = [raised] if "raised_exception" in raised else list(raised.values())
    if any(item.get("raised_exception") for item in flat):
        return {"refused": str(flat[0].get("exception_message"))[:300]}
    found = result.result or {}
    return {"success": bool(result.success), "result": {name: plain(found[name]) for name in FIELDS if name in found}}


def main():
    context = gx.get_context(mode="ephemeral")
    context.variables.progress_bars = {"globally": False}
    asset = context.data_sources.add_pandas("pandas").add_dataframe_asset("frame")
    definition = asset.add_batch_definition_whole_dataframe("whole")
    json.dump([run(definition, case) for case in json.load(sys.stdin)], sys.stdout)


main()
