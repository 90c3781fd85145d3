import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { createTable } from "../../src/api/create-table.ts";
import { arrayOf, mapOf, schema } from "../../src/schema/builder.ts";
import { scratchFolder } from "./fixtures.ts";
import { mlflowPython } from "./python.ts";

const { folder, remove } = scratchFolder();
afterAll(remove);

/** Logs a dataset as the documentation says, and prints what MLflow gives back. */
const program = `
import json, sys
import mlflow
from mlflow.data import get_source
from mlflow.entities import Dataset, DatasetInput, InputTag
from mlflow.types import Schema

mlflow.set_tracking_uri(sys.argv[1])
mlflow.set_experiment("orders")
dataset = json.load(sys.stdin)
with mlflow.start_run() as run:
    tags = [InputTag(key="mlflow.data.context", value="training")]
    mlflow.MlflowClient().log_inputs(run.info.run_id, [DatasetInput(dataset=Dataset(**dataset), tags=tags)])
logged = mlflow.get_run(run.info.run_id).inputs.dataset_inputs[0].dataset
source = get_source(logged)
columns = Schema.from_json(json.dumps(json.loads(logged.schema)["mlflow_colspec"]))
print(json.dumps({
    "logged": logged.to_dictionary(),
    "source": [type(source).__name__, source.path, source.delta_table_version],
    "columns": [str(column) for column in columns],
}))
`;

test("MLflow takes the dataset of a version and of a pin, and gives its source back", async () => {
  const python = mlflowPython();
  const path = join(folder, "or ders");
  await using table = await createTable(path, {
    schema: schema()
      .long("id", { nullable: false })
      .column("list", arrayOf(schema().column("m", mapOf("string", "double")))),
    source: [{ id: 1 }],
  });
  await table.append([{ id: 2 }]);
  await table.pins.add("model-7");
  const pinned = await table.pins.open("model-7");
  const cases = [
    [await table.snapshot().mlflowDataset({ content: true }), path, 1],
    [await (await table.at(0)).mlflowDataset(), path, 0],
    [await pinned.mlflowDataset(), join(path, "_pins", "model-7"), 0],
  ] as const;
  for (const [dataset, place, version] of cases) {
    const { status, stdout, stderr } = spawnSync(python, ["-c", program, `file://${folder}/runs`], {
      input: JSON.stringify(dataset),
      encoding: "utf8",
      env: { ...process.env, MLFLOW_ALLOW_FILE_STORE: "true" },
    });
    expect({ status, stderr }).toMatchObject({ status: 0 });
    expect(JSON.parse(stdout)).toEqual({
      logged: dataset,
      source: ["DeltaDatasetSource", place, version],
      columns: ["'id': long (required)", expect.stringContaining("'list': Array(")],
    });
  }
});
