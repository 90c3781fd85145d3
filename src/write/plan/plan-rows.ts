import type { Suite } from "../../quality/model/suite.ts";
import { carriedSuite, joinSuites } from "../../quality/suite/carried.ts";
import { defineSuite } from "../../quality/suite/define.ts";
import type { BatchTarget } from "./batch-target.ts";
import type { GateOptions, WriteOptions } from "./write-options.ts";
import type { BatchTests, FilesPlan, Operation, RowsBefore, RowsPlan } from "./write-plan.ts";
import type { WriteSource } from "./write-source.ts";

/** The options of a verb that its plan takes unchanged. */
type PlanOptions = Pick<
  WriteOptions,
  "mergeSchema" | "upgradeProtocol" | "txn" | "batchId" | "userMetadata" | "targetFileBytes"
>;

/**
 * The plan that adds rows to a table, on which every other plan is based. Without `tests`, the rows are not
 * tested.
 */
export function addedRows(
  target: BatchTarget,
  { source, tests }: { readonly source: WriteSource; readonly tests?: BatchTests | undefined },
  options: PlanOptions = {},
): RowsPlan {
  const { mergeSchema, upgradeProtocol, txn, batchId, userMetadata, targetFileBytes } = options;
  return {
    kind: "rows",
    target,
    source,
    removes: { kind: "none" },
    schema: { kind: mergeSchema === true ? "merge" : "keep", upgradeProtocol: upgradeProtocol === true },
    changeFeed: target.requirements.changeDataFeed,
    tests,
    operation: appendOperation,
    batch: { txn, batchId },
    userMetadata,
    targetFileBytes,
  };
}

const appendOperation: Operation = { name: "WRITE", parameters: { mode: "Append" } };

/** The plan that adds files that are already in the table's folder. */
export function addedFiles(
  files: Omit<FilesPlan, "kind" | "operation" | "batch">,
  txn: PlanOptions["txn"],
): FilesPlan {
  return { ...files, kind: "files", operation: appendOperation, batch: { txn } };
}

/** What the tests of a batch consist of besides their suite. */
export interface TestOptions {
  /** Those of the tests that are not the table's own. */
  readonly writer?: Suite | undefined;
  readonly gateOptions?: GateOptions | undefined;
  readonly before?: RowsBefore | undefined;
}

/** The tests of a suite alone; none without a suite. */
export function batchTests(
  suite: Suite | undefined,
  { writer, gateOptions = {}, before }: TestOptions = {},
): BatchTests | undefined {
  const { tables, functions } = gateOptions;
  return suite === undefined ? undefined : { suite, writer, tables, functions, before };
}

/**
 * The tests of the suite that a table carries in its properties, plus those of the caller's.
 *
 * @throws `SUITE_INVALID`
 */
export function writeTests(
  properties: Readonly<Record<string, string>>,
  { gate, gateOptions }: Pick<WriteOptions, "gate" | "gateOptions">,
): BatchTests | undefined {
  const own = gate === undefined ? undefined : defineSuite(gate);
  return batchTests(joinSuites(carriedSuite(properties), own), { writer: own, gateOptions });
}
