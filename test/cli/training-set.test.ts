import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { varveHere as varve } from "../support/cli-here.ts";

const folder = mkdtempSync(join(tmpdir(), "varve-test-training-cli-"));
const at = (name: string) => join(folder, name);
const table = at("orders");

beforeAll(async () => {
  const lines = Array.from({ length: 40 }, (_, index) => `${index},c${index % 5},${index / 4}`);
  writeFileSync(at("orders.csv"), `id,customer,amount\n${lines.join("\n")}\n`);
  expect(await varve("create", table, "--from", at("orders.csv"))).toMatchObject({ code: 0 });
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const create = (name: string, sql: string, ...flags: string[]) =>
  varve("training-set", "create", name, sql, "-i", `o=${table}`, "--folder", at(name), ...flags);

describe("varve training-set", () => {
  it("creates, shows, checks and recreates a set", async () => {
    const made = await create(
      "one",
      "SELECT * FROM o",
      "--split-key",
      "id",
      "--shares",
      "train=0.5,test=0.5",
    );
    expect([made.stderr, made.code]).toEqual(["", 0]);
    expect(made.stdout).toMatch(/^training set one: created\n {2}query: SELECT \* FROM o\n/);
    expect(made.stdout).toContain(`o: file://${table}@v0, pinned as one.v0`);
    const record = JSON.parse(readFileSync(join(at("one"), "training-set.json"), "utf8"));
    expect(record).toMatchObject({ rows: 40, split: { key: ["id"], shares: { train: 0.5, test: 0.5 } } });
    const shown = await varve("training-set", "show", at("one"), "--json");
    expect(JSON.parse(shown.stdout)).toEqual(record);
    expect(await varve("overwrite", table, at("orders.csv"))).toMatchObject({ code: 0 });
    const again = await varve("training-set", "recreate", at("one"), "--folder", at("two"));
    expect([again.stderr, again.code]).toEqual(["", 0]);
    expect(again.stdout).toContain("created again, with the same rows");
    const sum = (name: string) => readFileSync(join(at(name), "train.parquet")).length;
    expect(sum("two")).toBe(sum("one"));
    const sound = await varve("training-set", "check", at("one"), "--group", "id");
    expect([sound.code, sound.stdout]).toEqual([
      0,
      "can be created again with the same rows\n  o: from its pin\n  sound: 0 groups by id in several parts\n",
    ]);
    const leaks = await varve("training-set", "check", at("one"), "--group", "customer", "--json");
    expect([leaks.code, JSON.parse(leaks.stdout)]).toMatchObject([
      1,
      { reproducible: true, leakage: [{ kind: "group", columns: ["customer"], count: 5 }] },
    ]);
  });

  it("says what is refused, and that a set is gone", async () => {
    const split = ["--split-key", "id", "--shares", "train=0.5,test=0.5"];
    const leaks = await create("leaks", "SELECT * FROM o", ...split, "--group", "customer");
    expect(leaks).toMatchObject({ code: 1, stderr: expect.stringContaining("TRAINING_SET_LEAKS") });
    const chance = await create("chance", "SELECT *, random() AS r FROM o");
    expect(chance).toMatchObject({ code: 1, stderr: expect.stringMatching(/random\(\).*SQL_REFUSED/s) });
    expect((await varve("pin", "list", table, "--format", "json")).stdout).not.toContain("leaks");
    expect(await create("seed", "SELECT 1", "--seed", "5")).toMatchObject({
      code: 2,
      stderr: expect.stringContaining("need --split-key"),
    });
    expect(await create("time", "SELECT 1", "--time", "at")).toMatchObject({
      code: 2,
      stderr: expect.stringContaining("need each other"),
    });
    expect(await create("shares", "SELECT 1", ...split.slice(0, 3), "train")).toMatchObject({
      code: 2,
      stderr: expect.stringContaining("train=0.8,test=0.2"),
    });
    expect(await create("absent", "SELECT * FROM p")).toMatchObject({
      code: 1,
      stderr: expect.stringContaining(
        "Unknown table p in the query; bound are o. Bind it with --input p=URI.",
      ),
    });
    await create("gone", "SELECT id FROM o");
    expect(await varve("pin", "remove", table, "gone.v1")).toMatchObject({ code: 0 });
    rmSync(join(table, "_delta_log", "00000000000000000001.json"));
    const gone = await varve("training-set", "check", at("gone"));
    expect(gone).toMatchObject({ code: 1, stdout: expect.stringContaining("the input o is gone") });
    const failed = await varve("training-set", "recreate", at("gone"), "--folder", at("never"));
    expect(failed).toMatchObject({
      code: 1,
      stderr: expect.stringContaining("TRAINING_SET_NOT_REPRODUCIBLE"),
    });
  });
});
