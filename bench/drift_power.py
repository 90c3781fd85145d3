"""Which columns of a file of doubles Evidently's preset calls drifted; the preset itself is asked for the first of each kind, and must agree."""
import json
import sys

import numpy as np
import pandas as pd
from evidently import DataDefinition, Dataset, Report
from evidently.legacy.core import ColumnType
from evidently.legacy.calculations.stattests import get_stattest
from evidently.presets import DataDriftPreset

# rows of a side; the kind of each column, whose baseline and current side follow one another in the file
path, rows, *kinds = sys.argv[1:]
values = np.memmap(path, "float64", "r").reshape(len(kinds), 2, int(rows))
types = {"number": ColumnType.Numerical, "text": ColumnType.Categorical}


def series(kind, column):
    """A missing value is an infinity in the file; of numbers, the preset leaves both out."""
    if kind == "number":
        return pd.Series(column)
    return pd.Series([None if value == -np.inf else f"v{int(value)}" for value in column], dtype=object)


def drifted(kind, baseline, current):
    baseline, current = (side.replace([-np.inf, np.inf], np.nan).dropna() for side in (baseline, current))
    test = get_stattest(baseline, current, types[kind], None)
    return bool(test(baseline, current, types[kind], None).drifted)


def by_preset(frames, kind):
    names = list(frames[0].columns)
    numbers, texts = (names, []) if kind == "number" else ([], names)
    definition = DataDefinition(numerical_columns=numbers, categorical_columns=texts)
    baseline, current = (Dataset.from_pandas(frame, definition) for frame in frames)
    metrics = Report([DataDriftPreset()]).run(reference_data=baseline, current_data=current).dict()["metrics"]
    found = {}
    for metric in metrics:
        config = metric["config"]
        if "method" in config:
            score, threshold = metric["value"], config["threshold"]
            found[config["column"]] = score < threshold if config["method"].endswith("p_value") else score >= threshold
    return [bool(found[name]) for name in names]


answers = []
for kind, (before, after) in zip(kinds, values):
    answers.append(drifted(kind, series(kind, before), series(kind, after)))
for kind in types:
    chosen = [index for index, other in enumerate(kinds) if other == kind][:10]
    if chosen:
        frames = [pd.DataFrame({f"c{index}": series(kind, values[index][side]) for index in chosen}) for side in (0, 1)]
        preset = by_preset(frames, kind)
        assert preset == [answers[index] for index in chosen], "the preset answers otherwise"
print(json.dumps({"drifted": answers}))
