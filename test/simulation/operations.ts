import type { LogSnapshot } from "../../src/log/contract.ts";
import type { Action, AddAction, MetadataAction } from "../../src/protocol/actions.ts";
import type { Predicate } from "../../src/protocol/predicate.ts";
import { removeAction } from "../../src/protocol/remove-action.ts";
import type { CommitRequest } from "../../src/table/commit/commit-request.ts";
import type { AppTransaction } from "../../src/table/idempotence/app-transaction.ts";
import { modelFile, type OperationNote } from "./model-state.ts";
import type { Random } from "./random.ts";
import { addFeature, dropFeature, hasFeature } from "./sim-table.ts";
import { liveRows, planMarks } from "./vector-operations.ts";

/** What a process wants to do next. */
export type Wish =
  | "append"
  | "batch"
  | "overwrite"
  | "overwritePart"
  | "deleteWhere"
  | "count"
  | "compact"
  | "property"
  | "suite"
  | "column"
  | "domain"
  | "feature"
  | "drop"
  | "mark"
  | "merge";

/** Numbers that are unique in one run. */
export interface Counter {
  value: number;
}

/** What an operation is planned with. */
export interface Planner {
  readonly random: Random;
  readonly counter: Counter;
  readonly now: number;
}

/**
 * Decides on a snapshot what an operation writes and what it read; `undefined` where there is nothing to do.
 */
export async function plan(
  wish: Wish,
  snapshot: LogSnapshot,
  planner: Planner,
  txn?: AppTransaction,
): Promise<CommitRequest | undefined> {
  const { configuration } = snapshot.metadata;
  const suite = configuration["varve.suite"];
  /** What files with rows are made for. */
  const made = {
    columns: Number(configuration["sim.columns"] ?? "0"),
    ...(suite === undefined ? {} : { suite }),
  };
  const fresh = (part: string, rows?: readonly string[], dataChange = true) =>
    newFile(part, planner, rows, dataChange);
  const part = planner.random.pick(["a", "b", "c"]);
  const request = (
    note: OperationNote,
    actions: readonly Action[],
    reads?: CommitRequest["reads"],
  ): CommitRequest => ({
    actions,
    operation: note.op.toUpperCase(),
    retry: { probes: 1 + planner.random.below(6), attempts: planner.random.chance(0.1) ? 2 : 200 },
    commitInfo: { sim: { ...note } },
    ...(reads === undefined ? {} : { reads }),
  });
  switch (wish) {
    case "append":
    case "batch": {
      const files = Array.from({ length: 1 + planner.random.below(2) }, () =>
        fresh(planner.random.pick(["a", "b", "c"])),
      );
      return { ...request({ op: "append", ...made }, files), ...(txn === undefined ? {} : { txn }) };
    }
    case "overwrite": {
      const live = await liveFiles(snapshot);
      return request(
        { op: "overwrite", ...made },
        [...live.map((file) => removal(file, planner)), fresh(part)],
        readFiles(live, { wholeTable: true }),
      );
    }
    case "overwritePart": {
      const live = (await liveFiles(snapshot)).filter((file) => file.partitionValues["part"] === part);
      const reads = readFiles(live, { predicates: [partIs(part)] });
      return request(
        { op: "overwritePart", part, ...made },
        [...live.map((file) => removal(file, planner)), fresh(part)],
        reads,
      );
    }
    case "deleteWhere": {
      const live = await liveFiles(snapshot);
      if (live.length === 0) return undefined;
      const target = modelFile(planner.random.pick(live)).id;
      const hit = live.filter((file) => modelFile(file).id === target);
      return request(
        { op: "deleteWhere", target },
        hit.map((file) => removal(file, planner)),
        readFiles(hit, { predicates: [idIs(target)] }),
      );
    }
    case "count": {
      const live = await liveFiles(snapshot);
      const value = (await liveRows(snapshot, live)).length;
      return request({ op: "count", value, ...made }, [fresh(part)], readFiles(live, { wholeTable: true }));
    }
    case "compact": {
      const live = (await liveFiles(snapshot))
        .filter((file) => file.partitionValues["part"] === part)
        .slice(0, 3);
      if (live.length < 2) return undefined;
      const merged = fresh(
        part,
        (await liveRows(snapshot, live)).map(({ name }) => name),
        false,
      );
      return request(
        { op: "compact", ...made },
        [...live.map((file) => removal(file, planner, false)), merged],
        readFiles(live, { predicates: [partIs(part)] }),
      );
    }
    case "mark":
    case "merge":
      return planMarks(wish, snapshot, planner, made, request);
    case "property":
      return request({ op: "property" }, [
        withProperty(snapshot.metadata, ...planner.random.pick(propertyChanges(planner.random))),
      ]);
    case "suite":
      return request({ op: "suite" }, [
        withProperty(snapshot.metadata, "varve.suite", `{"name":"suite ${planner.counter.value++}"}`),
      ]);
    case "column":
      return request({ op: "column" }, [withColumn(snapshot.metadata, made.columns + 1)]);
    case "domain": {
      if (!hasFeature(snapshot.protocol, "domainMetadata")) return undefined;
      const value = String(planner.counter.value++);
      return request({ op: "domain" }, [
        {
          kind: "domainMetadata",
          domain: planner.random.pick(["app.x", "app.y"]),
          configuration: value,
          removed: false,
        },
      ]);
    }
    case "feature": {
      const name = planner.random.pick([
        "deletionVectors",
        "changeDataFeed",
        "rowTracking",
        "checkConstraints",
        "domainMetadata",
      ]);
      if (name === "rowTracking" && !hasFeature(snapshot.protocol, "domainMetadata")) return undefined;
      const protocol = addFeature(snapshot.protocol, name);
      return protocol === undefined ? undefined : request({ op: "feature" }, [protocol]);
    }
    case "drop": {
      const name = planner.random.pick(["changeDataFeed", "checkConstraints", "domainMetadata"]);
      const used =
        name === "domainMetadata" &&
        (hasFeature(snapshot.protocol, "rowTracking") || (await snapshot.domainMetadata()).size > 0);
      const protocol = used ? undefined : dropFeature(snapshot.protocol, name);
      return protocol === undefined ? undefined : request({ op: "drop" }, [protocol]);
    }
  }
}

function propertyChanges(random: Random): (readonly [key: string, value: string])[] {
  return [
    [
      "delta.logRetentionDuration",
      random.pick(["interval 0 hours", "interval 20 minutes", "interval 1 hours", "interval 4 hours"]),
    ],
    ["delta.checkpointInterval", String(1 + random.below(8))],
    ["delta.enableExpiredLogCleanup", String(random.chance(0.8))],
    ["sim.note", String(random.below(100))],
  ];
}

/** In the order of their paths. */
export async function liveFiles(snapshot: LogSnapshot): Promise<AddAction[]> {
  const found: AddAction[] = [];
  for await (const chunk of (await snapshot.files()).all()) found.push(...chunk);
  return found.sort((a, b) => (a.path < b.path ? -1 : 1));
}

/** A file that is made for `rows`, or else for two new ones. */
export function newFile(
  part: string,
  { counter, now }: Planner,
  rows: readonly string[] | undefined,
  dataChange: boolean,
): AddAction {
  const id = counter.value++;
  const held = rows ?? [`r${id}`, `s${id}`];
  return {
    kind: "add",
    path: `part=${part}/f${id}.parquet`,
    partitionValues: { part },
    size: 100 + id,
    modificationTime: now,
    dataChange,
    stats: `{"numRecords":${held.length},"minValues":{"id":${id}},"maxValues":{"id":${id}},"nullCount":{"id":0}}`,
    tags: { rows: held.join(","), id: String(id) },
  };
}

function removal(file: AddAction, { now }: Planner, dataChange = true): Action {
  return { ...removeAction(file, now), dataChange };
}

function readFiles(files: readonly AddAction[], more: CommitRequest["reads"]): CommitRequest["reads"] {
  return { ...more, files: files.map(({ path }) => path) };
}

function partIs(value: string): Predicate {
  return { op: "eq", column: ["part"], value: { type: "string", value } };
}

export function idIs(value: number): Predicate {
  return { op: "eq", column: ["id"], value: { type: "long", value: String(value) } };
}

function withProperty(metadata: MetadataAction, key: string, value: string): MetadataAction {
  return { ...metadata, configuration: { ...metadata.configuration, [key]: value } };
}

function withColumn(metadata: MetadataAction, columns: number): MetadataAction {
  const schema = JSON.parse(metadata.schemaString) as { fields: unknown[] };
  schema.fields.push({ name: `c${columns}`, type: "long", nullable: true, metadata: {} });
  return { ...withProperty(metadata, "sim.columns", String(columns)), schemaString: JSON.stringify(schema) };
}
