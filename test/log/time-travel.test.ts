import { describe, expect, it } from "vitest";
import type { TableContext } from "../../src/log/contract.ts";
import { commitPath } from "../../src/log/segment/file-names.ts";
import { openLog } from "../../src/log/snapshot/open-log.ts";
import { serializeActions } from "../../src/protocol/action-json.ts";
import type { Action } from "../../src/protocol/actions.ts";
import { memoryStore } from "../../src/storage/memory/memory-store.ts";
import { realWorld, type World } from "../../src/util/world.ts";
import { add, diskBacked, firstActions } from "../support/log-tables.ts";

// PROTOCOL.md "In-Commit Timestamps" and "Recommendations for Readers of Tables with In-Commit Timestamps".

const start = Date.UTC(2024, 0, 1);
const hour = 3_600_000;

/** A table whose commit `i` was written at `times[i]`, opened when the clock says `now`. */
async function table(
  commits: readonly (readonly Action[])[],
  times: readonly number[],
  now: number,
): Promise<TableContext> {
  let clock = now;
  const world: World = { ...realWorld, now: () => clock };
  const store = memoryStore(realWorld.uuid(), "table", world);
  for (const [version, actions] of commits.entries()) {
    clock = times[version] ?? now;
    await store.put(commitPath(version), serializeActions(actions));
  }
  clock = now;
  return diskBacked(store, world);
}

const versionAt = async (context: TableContext, timestamp: number): Promise<number> =>
  (await openLog(context, { timestamp })).version;
const stamped = (inCommitTimestamp: number, ...more: readonly Action[]): Action[] => [
  { kind: "commitInfo", info: { inCommitTimestamp } },
  ...more,
];

describe("opening as of a time, by file times", () => {
  const commits = [firstActions(), [add("a")], [add("b")], [add("c")]];

  it("takes the newest version at or before it", async () => {
    const context = await table(
      commits,
      [start, start + hour, start + 2 * hour, start + 3 * hour],
      start + 9 * hour,
    );
    expect(await versionAt(context, start)).toBe(0);
    expect(await versionAt(context, start + hour - 1)).toBe(0);
    expect(await versionAt(context, start + hour)).toBe(1);
    expect(await versionAt(context, start + 5 * hour)).toBe(3);
  });

  it("makes times that do not ascend one millisecond apart", async () => {
    const context = await table(commits, [start, start + hour, start, start + hour], start + 9 * hour);
    expect(await versionAt(context, start + hour)).toBe(1);
    expect(await versionAt(context, start + hour + 1)).toBe(2);
    expect(await versionAt(context, start + hour + 2)).toBe(3);
  });

  it("refuses times before the first version and in the future, saying what there is", async () => {
    const context = await table(commits, [start, start, start, start], start + hour);
    const refused = (timestamp: number) =>
      expect(openLog(context, { timestamp })).rejects.toMatchObject({
        code: "TIMESTAMP_OUT_OF_RANGE",
        data: { versions: [[0, 3]] },
      });
    await refused(start - 1);
    await refused(start + 2 * hour);
    await expect(openLog(context, { timestamp: Number.NaN })).rejects.toMatchObject({
      code: "INVALID_ARGUMENT",
    });
    await expect(openLog(context, { timestamp: start, version: 1 })).rejects.toMatchObject({
      code: "INVALID_ARGUMENT",
    });
  });

  it("does not offer versions that can no longer be rebuilt", async () => {
    const context = await table(
      commits,
      [start, start + hour, start + 2 * hour, start + 3 * hour],
      start + 9 * hour,
    );
    await context.store.delete(commitPath(0));
    await expect(openLog(context, { version: 1 })).rejects.toMatchObject({ code: "VERSION_NOT_FOUND" });
  });
});

describe("opening as of a time, by in-commit timestamps", () => {
  const on = { "delta.enableInCommitTimestamps": "true" };
  const features = { writerFeatures: ["inCommitTimestamp"] };

  it("uses them alone where they are on since the first version", async () => {
    const commits = [
      stamped(start, ...firstActions({ ...features, configuration: on })),
      stamped(start + hour),
      stamped(start + 2 * hour),
    ];
    // File times as a copy of the table would have them.
    const context = await table(
      commits,
      [start + 8 * hour, start + 8 * hour, start + 8 * hour],
      start + 9 * hour,
    );
    expect((await openLog(context, { version: 1 })).timestamp).toBe(start + hour);
    expect(await versionAt(context, start + hour)).toBe(1);
    expect(await versionAt(context, start + 2 * hour - 1)).toBe(1);
    await expect(openLog(context, { timestamp: start - 1 })).rejects.toMatchObject({
      code: "TIMESTAMP_OUT_OF_RANGE",
    });
  });

  it("keeps versions before and after their enablement apart", async () => {
    const enabledAt = start + 5 * hour;
    const configuration = {
      ...on,
      "delta.inCommitTimestampEnablementVersion": "2",
      "delta.inCommitTimestampEnablementTimestamp": String(enabledAt),
    };
    const [protocol] = firstActions(features);
    const metadata = firstActions({ ...features, configuration }).filter(
      (action) => action.kind === "metaData",
    );
    const enabling = protocol === undefined ? [] : [protocol, ...metadata];
    const commits = [firstActions(), [add("a")], stamped(enabledAt, ...enabling), stamped(enabledAt + hour)];
    const context = await table(
      commits,
      [start, start + hour, start + 2 * hour, start + 3 * hour],
      start + 9 * hour,
    );
    expect(await versionAt(context, start)).toBe(0);
    // Version 2's file is from before this time, but its own time is not.
    expect(await versionAt(context, enabledAt - 1)).toBe(1);
    expect(await versionAt(context, enabledAt)).toBe(2);
    expect(await versionAt(context, enabledAt + hour)).toBe(3);
    expect((await openLog(context, { version: 1 })).timestamp).toBe(start + hour);
    expect((await openLog(context, { version: 3 })).timestamp).toBe(enabledAt + hour);
  });

  it("are required where they are on", async () => {
    const context = await table(
      [[{ kind: "commitInfo", info: {} }, ...firstActions({ ...features, configuration: on })]],
      [start],
      start,
    );
    await expect(openLog(context)).rejects.toMatchObject({ code: "LOG_CORRUPT" });
  });

  it("are not looked for where the property is set without the feature", async () => {
    const context = await table([firstActions({ configuration: on })], [start], start + hour);
    expect((await openLog(context)).timestamp).toBe(start);
  });
});
