import type { Session, StagedRelation } from "../../engine/core/contract.ts";
import type { LogSnapshot } from "../../log/contract.ts";
import { thisTable } from "../../quality/model/expectation.ts";
import type { Suite } from "../../quality/model/suite.ts";
import { suiteNeeds } from "../../quality/suite/needs.ts";
import { planScan } from "../../table/scan/scan.ts";
import { appendAll } from "../../util/append-all.ts";

/** Tables by the names that a suite uses. */
export type ComparedTables = Readonly<Record<string, StagedRelation>>;

/** Versions of tables that a suite may compare with. */
export interface ComparedVersions {
  /** By the names that the suite uses. */
  readonly tables?: Readonly<Record<string, LogSnapshot>> | undefined;
  /** The target table, which the suite calls `this` unless `tables` has another table of that name. */
  readonly target?: LogSnapshot | undefined;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Opens the tables that a suite compares with, in a session that is not fenced yet. Tables that were not
 * passed are left out; the gate reports which it lacks.
 *
 * @param readable receives the tables' files, for the fence
 * @throws errors of the tables that are read, `CANCELLED`
 */
export async function openCompared(
  session: Session,
  suite: Suite | undefined,
  { tables, target, signal }: ComparedVersions,
  readable: string[],
): Promise<ComparedTables> {
  const compared: Record<string, StagedRelation> = {};
  for (const name of suite === undefined ? [] : suiteNeeds(suite).relations) {
    const snapshot = tables?.[name] ?? (name === thisTable ? target : undefined);
    if (snapshot === undefined) continue;
    const relation = await planScan(session, snapshot, { signal });
    appendAll(readable, relation.files);
    compared[name] = await session.stage({ kind: "relation", relation });
  }
  return compared;
}
