import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { createTable } from "../../src/api/create-table.ts";
import { arrayOf, mapOf, schema } from "../../src/schema/builder.ts";
import { freshFolder } from "../operations/table-folder.ts";

describe("a version as a dataset of MLflow", () => {
  it("has a digest of the state or of the rows, which is no longer than MLflow takes", async () => {
    const folder = join(freshFolder(), "or ders");
    await using table = await createTable(folder, { source: [{ id: 1 }, { id: 2 }] });
    const state = await table.snapshot().mlflowDataset();
    const fingerprint = await table.snapshot().fingerprint();
    expect(state).toEqual({
      name: "or ders@v0",
      digest: `vs1-${fingerprint.replace("varve-state-1:", "").slice(0, 32)}`,
      source_type: "delta_table",
      source: JSON.stringify({ path: folder, delta_table_version: 0 }),
      schema: '{"mlflow_colspec":[{"type":"long","name":"id","required":false}]}',
      profile: JSON.stringify({ fingerprint }),
    });
    const content = await table.snapshot().mlflowDataset({ content: true });
    expect(content.digest).toMatch(/^vc1-[0-9a-f]{32}$/);
    expect(JSON.parse(content.profile)).toMatchObject({ num_rows: 2 });
    await table.optimize();
    await using copy = await createTable(`${folder}-copy`, { source: [{ id: 2 }, { id: 1 }] });
    expect(await copy.snapshot().mlflowDataset({ content: true })).toMatchObject({ digest: content.digest });
    expect((await copy.snapshot().mlflowDataset()).digest).not.toBe(state.digest);
    await copy.append([{ id: 3 }]);
    const later = await copy.snapshot().mlflowDataset({ content: true });
    expect(later).toMatchObject({ name: "or ders-copy@v1", source: expect.stringContaining('version":1}') });
    expect(later.digest).not.toBe(content.digest);
  });

  it("of a pin names the pin's folder, which no vacuum empties", async () => {
    const folder = join(freshFolder(), "orders");
    await using table = await createTable(folder, { source: [{ id: 1 }] });
    await table.append([{ id: 2 }]);
    await table.pins.add("model-7");
    expect(await (await table.pins.open("model-7")).mlflowDataset()).toMatchObject({
      name: "orders@model-7",
      digest: (await table.snapshot().mlflowDataset()).digest,
      source: JSON.stringify({ path: join(folder, "_pins", "model-7"), delta_table_version: 0 }),
    });
  });

  it("shortens a long name, never in the middle of a character", async () => {
    const table = await createTable("memory://named", {
      name: "😀".repeat(400),
      schema: schema().long("id"),
    });
    const { name } = await table.snapshot().mlflowDataset();
    expect(name).toBe(`${"😀".repeat(248)}@v0`);
    expect(name.length).toBeLessThanOrEqual(500);
  });

  it("has MLflow's types of nested columns, and no schema where it has no type", async () => {
    const columns = schema()
      .short("s", { nullable: false })
      .timestampNtz("at")
      .column("list", arrayOf(schema().string("a").column("m", mapOf("string", "double"))));
    const dataset = async (definition: typeof columns, name: string) =>
      (await createTable(`memory://${name}`, { schema: definition })).snapshot().mlflowDataset();
    const items = {
      type: "object",
      properties: {
        a: { type: "string", required: false },
        m: { type: "map", values: { type: "double" }, required: false },
      },
    };
    expect(JSON.parse((await dataset(columns, "nested")).schema ?? "")).toEqual({
      mlflow_colspec: [
        { type: "integer", name: "s", required: true },
        { type: "datetime", name: "at", required: false },
        { type: "array", items, name: "list", required: false },
      ],
    });
    for (const [name, type] of Object.entries({
      decimal: schema().decimal("price", 9, 2),
      variant: schema().column("v", "variant"),
      inside: schema().column("list", arrayOf(schema().decimal("price", 9, 2))),
      keys: schema().column("m", mapOf("long", "long")),
    }))
      expect(await dataset(type as typeof columns, name)).not.toHaveProperty("schema", expect.anything());
  });

  it("refuses options that it does not know", async () => {
    const table = await createTable("memory://refusing", { schema: schema().long("id") });
    const options = { content: "yes" } as unknown as { content: boolean };
    await expect(table.snapshot().mlflowDataset(options)).rejects.toMatchObject({ code: "INVALID_ARGUMENT" });
  });
});
