import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { writeCheckpoint } from "../../src/log/checkpoint/checkpoint-write.ts";
import type { LogSnapshot, TableContext } from "../../src/log/contract.ts";
import { writeCompaction } from "../../src/log/maintenance/compaction-write.ts";
import { commitPath, lastCheckpointPath } from "../../src/log/segment/file-names.ts";
import { closeLogSession } from "../../src/log/segment/log-session.ts";
import { openLog, refreshLog } from "../../src/log/snapshot/open-log.ts";
import { serializeActions } from "../../src/protocol/action-json.ts";
import type { Action, AddAction, RemoveAction } from "../../src/protocol/actions.ts";
import { localDiskStore } from "../../src/storage/local/local-disk-store.ts";
import fc from "../support/fast-check.ts";
import { allFiles, allTombstones, contextOf, firstActions } from "../support/log-tables.ts";

// PROTOCOL.md "Action Reconciliation": action reconciliation with deletion vectors.

const runs = Number(process.env["VARVE_RUNS"] ?? 12);

/** What one commit does, by numbers of files, applications and domains. */
type Step =
  | { readonly do: "add"; readonly file: number; readonly spelling: number }
  | { readonly do: "remove"; readonly file: number; readonly spelling: number }
  | { readonly do: "vector"; readonly file: number; readonly vector: number }
  | { readonly do: "txn"; readonly app: number; readonly version: number }
  | { readonly do: "domain"; readonly domain: number; readonly removed: boolean }
  | { readonly do: "property"; readonly value: number };

const file = fc.nat({ max: 6 });
const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({ do: fc.constant("add" as const), file, spelling: fc.nat({ max: 2 }) }),
  },
  {
    weight: 3,
    arbitrary: fc.record({ do: fc.constant("remove" as const), file, spelling: fc.nat({ max: 2 }) }),
  },
  {
    weight: 2,
    arbitrary: fc.record({ do: fc.constant("vector" as const), file, vector: fc.nat({ max: 3 }) }),
  },
  fc.record({ do: fc.constant("txn" as const), app: fc.nat({ max: 2 }), version: fc.nat() }),
  fc.record({ do: fc.constant("domain" as const), domain: fc.nat({ max: 2 }), removed: fc.boolean() }),
  fc.record({ do: fc.constant("property" as const), value: fc.nat() }),
);

interface History {
  readonly commits: readonly (readonly Step[])[];
  readonly checkpoints: readonly { readonly at: number; readonly kind: "classic" | "v2" }[];
  readonly compactions: readonly (readonly [number, number])[];
}

const history: fc.Arbitrary<History> = fc.record({
  commits: fc.array(fc.array(step, { maxLength: 5 }), { minLength: 3, maxLength: 12 }),
  checkpoints: fc.array(
    fc.record({ at: fc.nat({ max: 11 }), kind: fc.constantFrom("classic" as const, "v2" as const) }),
    { maxLength: 2 },
  ),
  compactions: fc.array(fc.tuple(fc.nat({ max: 11 }), fc.nat({ max: 11 })), { maxLength: 2 }),
});

describe("replay", () => {
  it("gives the same version through every choice of checkpoint, compaction and way of holding files", async () => {
    await fc.assert(fc.asyncProperty(history, checkHistory), { numRuns: runs, endOnFailure: true });
  });
});

async function checkHistory({ commits, checkpoints, compactions }: History): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), "varve-test-"));
  const store = localDiskStore(folder);
  const context = contextOf(store);
  const large: TableContext = { ...context, fileLimits: { checkpointRows: 0, jsonBytes: 0 } };
  try {
    const bytes = commits.map((steps, version) => serializeActions(actionsOf(steps, version)));
    for (const [version, each] of bytes.entries()) await store.put(commitPath(version), each);
    const wanted: unknown[] = [];
    for (let version = 0; version < commits.length; version++)
      wanted.push(await stateOf(await openLog(context, { version })));
    for (const { at, kind } of checkpoints)
      if (at < commits.length)
        await writeCheckpoint(await openLog(context, { version: at }), { kind, inlineLimit: 2 });
    for (const [from, to] of compactions)
      if (from < to && to < commits.length) await writeCompaction(context, from, to);
    for (let version = 0; version < commits.length; version++) {
      expect(await stateOf(await openLog(context, { version })), `version ${version}`).toEqual(
        wanted[version],
      );
    }
    expect(await stateOf(await openLog(large)), "held by the engine").toEqual(wanted.at(-1));
    await store.delete(lastCheckpointPath);
    expect(await stateOf(await openLog(context)), "without the hint").toEqual(wanted.at(-1));
    await checkRefresh(bytes, wanted);
  } finally {
    await closeLogSession(context);
    await closeLogSession(large);
    await rm(folder, { recursive: true, force: true });
  }
}

/** A snapshot that is refreshed after every commit is, at each of them, what opening anew gives. */
async function checkRefresh(commits: readonly Uint8Array[], wanted: readonly unknown[]): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), "varve-test-"));
  const store = localDiskStore(folder);
  const context = contextOf(store);
  try {
    let snapshot: LogSnapshot | undefined;
    for (const [version, bytes] of commits.entries()) {
      await store.put(commitPath(version), bytes);
      snapshot = snapshot === undefined ? await openLog(context) : await refreshLog(snapshot);
      expect(await stateOf(snapshot), `refreshed to ${version}`).toEqual(wanted[version]);
    }
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

async function stateOf(snapshot: LogSnapshot): Promise<unknown> {
  const files = await snapshot.files();
  const key = (action: AddAction | RemoveAction): string =>
    `${decodeURIComponent(action.path).replace(/^file:\/*/, "/")} ${action.deletionVector?.pathOrInlineDv ?? ""}`;
  return {
    version: snapshot.version,
    protocol: snapshot.protocol,
    metadata: snapshot.metadata,
    // A checkpoint does not say whether an add changed data.
    files: (await allFiles(files))
      .map((add) => `${key(add)} ${add.size} ${add.stats ?? ""} ${JSON.stringify(add.partitionValues)}`)
      .sort(),
    totals: await files.totals(),
    tombstones: (await allTombstones(files)).map(key).sort(),
    transactions: [...(await snapshot.appTransactions()).values()]
      .map(({ appId, version }) => `${appId} ${version}`)
      .sort(),
    domains: [...(await snapshot.domainMetadata()).keys()].sort(),
  };
}

/** Three spellings of each file's path; one file in three has an absolute one. */
function pathOf(number: number, spelling: number): string {
  if (number % 3 === 2)
    return (
      [`/elsewhere/file ${number}`, `file:///elsewhere/file%20${number}`, `file:/elsewhere/file%20${number}`][
        spelling
      ] ?? ""
    );
  return [`file ${number}`, `file%20${number}`, `./%66ile%20${number}`][spelling] ?? "";
}

function actionsOf(steps: readonly Step[], version: number): Action[] {
  const first = firstActions({
    readerFeatures: ["deletionVectors", "v2Checkpoint"],
    writerFeatures: ["deletionVectors", "v2Checkpoint", "domainMetadata"],
  });
  const actions: Action[] = version === 0 ? first : [];
  const touched = new Set<string>();
  for (const one of steps) {
    // A commit must not hold two actions of one kind on one thing.
    const subject =
      "file" in one
        ? `file ${one.file}`
        : "app" in one
          ? `app ${one.app}`
          : "domain" in one
            ? `domain ${one.domain}`
            : one.do;
    if (touched.has(subject) || (version === 0 && one.do === "property")) continue;
    touched.add(subject);
    actions.push(...actionsOfStep(one, version, first));
  }
  return actions;
}

function actionsOfStep(one: Step, version: number, first: readonly Action[]): Action[] {
  // Tombstones of today: a checkpoint leaves expired ones out.
  const deletionTimestamp = Date.UTC(2999, 0);
  const add = { kind: "add", partitionValues: {}, modificationTime: 1, dataChange: true } as const;
  switch (one.do) {
    case "add":
      return [
        {
          ...add,
          path: pathOf(one.file, one.spelling),
          size: version * 10 + one.file,
          stats: `{"numRecords":${version}}`,
        },
      ];
    case "remove":
      return [{ kind: "remove", path: pathOf(one.file, one.spelling), deletionTimestamp, dataChange: true }];
    case "vector": {
      const vector = (number: number) =>
        ({
          storageType: "u",
          pathOrInlineDv: `ab^-aqEH.-t@S}K{vb[*k${number}`,
          offset: 1,
          sizeInBytes: 40,
          cardinality: 6,
        }) as const;
      const path = pathOf(one.file, 0);
      return [
        {
          kind: "remove",
          path,
          deletionTimestamp,
          dataChange: true,
          deletionVector: vector((one.vector + 1) % 4),
        },
        { ...add, path, size: version, deletionVector: vector(one.vector) },
      ];
    }
    case "txn":
      return [{ kind: "txn", appId: `app ${one.app}`, version: BigInt(one.version) }];
    case "domain":
      return [
        { kind: "domainMetadata", domain: `domain ${one.domain}`, configuration: "{}", removed: one.removed },
      ];
    case "property":
      return first
        .filter((action) => action.kind === "metaData")
        .map((action) => ({ ...action, configuration: { value: String(one.value) } }));
  }
}
