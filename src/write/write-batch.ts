import { type EnforcementPlan, planEnforcement } from "../dialects/enforcement.ts";
import type {
  EngineColumn,
  FencedSession,
  OpenSession,
  Session,
  StagedRelation,
} from "../engine/core/contract.ts";
import { lazyFence } from "../engine/fence/lazy-fence.ts";
import { isGuardStop } from "../engine/fence/row-guard.ts";
import { VarveError } from "../errors.ts";
import { Gate } from "../quality/gate/gate.ts";
import type { SetAside } from "../quality/gate/gate-context.ts";
import { type GateOutcome, summarizeVerdict } from "../quality/gate/verdict.ts";
import type { Suite } from "../quality/model/suite.ts";
import { carriedSuite, joinSuites } from "../quality/suite/carried.ts";
import { defineSuite } from "../quality/suite/define.ts";
import { suiteNeeds } from "../quality/suite/needs.ts";
import { findField } from "../schema/fields.ts";
import type { StructType } from "../schema/types.ts";
import {
  type DataWriteOptions,
  flushData,
  type StagedData,
  stageData,
} from "../table/data-files/write-data-files.ts";
import { type WriteRules, writeRules } from "../table/rules/write-rules.ts";
import { planScan } from "../table/scan/scan.ts";
import { throwIfCancelled } from "../util/cancel.ts";
import { removeTemporaryFolder } from "../util/temporary-folder.ts";
import { requireAllRows } from "./accounted-rows.ts";
import {
  checkRules,
  checkSource,
  checkWritten,
  violatedSql,
  type WrittenRows,
  writtenFacts,
} from "./batch-checks.ts";
import { computedAnew, fittedRelation, numberedTarget, seesWritten, writtenRows } from "./batch-rows.ts";
import { type BatchTarget, dataTarget, mergedTarget, sourceColumns } from "./batch-target.ts";
import { setMisfitsAside } from "./misfits.ts";
import type { WriteOptions } from "./write-options.ts";
import { type StagedSource, stageWriteSource, type WriteSource } from "./write-source.ts";

/**
 * A batch that passed every check: its data files are finished in a staging folder, nothing is visible yet.
 */
export interface PreparedBatch {
  readonly session: Session;
  /** The table with the schema that the commit will give it. */
  readonly target: BatchTarget;
  readonly data: StagedData;
  /** The rows as they came, before any cast. */
  readonly source: StagedRelation;
  readonly verdict?: GateOutcome | undefined;
  /** The columns that the gate saw: the table's, in its types. */
  readonly columns: readonly EngineColumn[];
  /** The gate looked at the table's rows, so that they may not have changed when the batch lands. */
  readonly comparesWithTable: boolean;
  /** Folder that the session may write in. */
  readonly staging: string;
  /** Frees the engine and removes whatever is staged still. */
  close(): Promise<void>;
}

/** Where verbs differ from a plain append. */
export interface BatchHooks {
  /**
   * Gives the target for the source's columns; default: the target itself, with new columns merged where
   * `mergeSchema` is set.
   */
  readonly adapt?: ((relation: StagedRelation) => BatchTarget) | undefined;
  /** Reads the source by its own types instead of the table's. */
  readonly untyped?: boolean | undefined;
  /** Runs before the session is fenced; returns local files that the batch must be able to read. */
  readonly open?: ((session: OpenSession) => Promise<readonly string[]>) | undefined;
  /**
   * Stops where files would be written: a verdict is all that is wanted, and one that rejects the batch is an
   * answer like any other.
   */
  readonly judgeOnly?: boolean | undefined;
  /**
   * The rows that the table keeps, of those that it holds: what the gate compares the batch with.
   * `undefined`: none. Default: all.
   */
  readonly kept?:
    | ((
        session: FencedSession,
        held: StagedRelation,
        batch: StagedRelation,
      ) => Promise<StagedRelation | undefined>)
    | undefined;
  /** Changes what is written, in a session that is fenced; gets the clean rows. */
  readonly compose?:
    | ((session: FencedSession, rows: WrittenRows, target: BatchTarget) => Promise<WrittenRows>)
    | undefined;
}

/**
 * Stages a source, holds it to the table's schema, rules and gate, and writes its clean rows to data files.
 * Nothing is visible to readers.
 *
 * @throws `SCHEMA_MISMATCH`, `CONSTRAINT_VIOLATED`, `BATCH_REJECTED`, `SUITE_INVALID`, `SOURCE_UNREADABLE`,
 * `UNSUPPORTED_FEATURE`, `CANCELLED`; after any of them no file is left
 */
export async function prepareBatch(
  target: BatchTarget,
  source: WriteSource,
  options: WriteOptions,
  hooks: BatchHooks = {},
): Promise<PreparedBatch> {
  const suite = gateOf(target, options);
  const staging = await target.context.store.stagingFolder();
  const removeStaging = () => removeTemporaryFolder(staging);
  try {
    const session = await (await target.context.engine()).open({ signal: options.signal });
    const close = async () => {
      await Promise.all([session.close(), removeStaging()]);
    };
    try {
      return {
        ...(await new BatchWriter({ session, staging, suite, options, hooks }).run(target, source)),
        session,
        staging,
        close,
      };
    } catch (error) {
      await session.close();
      throw error;
    }
  } catch (error) {
    await removeStaging();
    throw error;
  }
}

/** The table's own suite, and the caller's beside it. */
function gateOf(target: BatchTarget, { gate, gateReplacesCarried }: WriteOptions): Suite | undefined {
  const given = gate === undefined ? undefined : defineSuite(gate);
  return gateReplacesCarried === true
    ? given
    : joinSuites(carriedSuite(target.metadata.configuration), given);
}

interface BatchSetup {
  readonly session: OpenSession;
  readonly staging: string;
  readonly suite: Suite | undefined;
  readonly options: WriteOptions;
  readonly hooks: BatchHooks;
}

class BatchWriter {
  readonly #session: OpenSession;
  readonly #staging: string;
  readonly #suite: Suite | undefined;
  readonly #options: WriteOptions;
  readonly #hooks: BatchHooks;
  readonly #readable: string[] = [];
  readonly #fence: () => Promise<FencedSession>;

  constructor({ session, staging, suite, options, hooks }: BatchSetup) {
    this.#session = session;
    this.#staging = staging;
    this.#suite = suite;
    this.#options = options;
    this.#hooks = hooks;
    this.#fence = lazyFence(session, () => ({ files: this.#readable, writableFolders: [staging] }));
  }

  async run(
    base: BatchTarget,
    source: WriteSource,
  ): Promise<Omit<PreparedBatch, "session" | "staging" | "close">> {
    const held = await this.#gateRelations(base);
    this.#readable.push(...((await this.#hooks.open?.(this.#session)) ?? []));
    const staged = await this.#stage(base, source);
    const target = this.#tagged(this.#hooks.adapt?.(staged.relation) ?? this.#merged(base, staged.relation));
    const plan = planEnforcement(this.#expected(target), staged.relation.columns, {
      ignoreUntyped: this.#options.mergeSchema === true,
    });
    const misfits =
      this.#suite?.onMisfit === "quarantine"
        ? await setMisfitsAside(this.#session, staged.relation, plan)
        : undefined;
    const fitting = misfits?.fitting ?? staged.relation;
    await checkSource(this.#session, fitting, plan, target.metadata.partitionColumns);
    const rules = await this.#rules(target, plan);
    const fitted = fittedRelation(fitting, plan, rules, target.schema);
    const relations = await this.#keptRelations(held, fitted);
    const gate = await this.#gate(fitted, target, relations, rules, misfits?.setAside);
    const batch: FittedBatch = { target, fitted, rules, gate };
    const given = staged.relation.rows ?? (await countRows(this.#session, staged.relation.sql));
    const { rows, data, verdict } =
      (await this.#writeFirst(batch, given)) ?? (await this.#testFirst(batch, given));
    this.#accountFor(given, { rows, data, verdict });
    await checkWritten(this.#session, target, data, plan, rows);
    const numbered = numberedTarget(target, rules, data.rows);
    const comparesWithTable =
      relations["this"] !== undefined && this.#options.gateOptions?.tables?.["this"] === undefined;
    const seen = { source: staged.relation, columns: fitted.columns, comparesWithTable };
    return { target: numbered, data, ...seen, verdict };
  }

  /** Holds what was written and set aside to the rows that came. @throws `ROWS_UNACCOUNTED` */
  #accountFor(given: number, { rows, data, verdict }: WrittenBatch): void {
    const { quarantined, dropped } = verdict ?? { quarantined: 0, dropped: 0 };
    const clean = this.#hooks.judgeOnly === true ? (verdict?.clean ?? 0) : data.rows - (rows.copied ?? 0);
    requireAllRows({ rows: given, clean, quarantined, dropped });
  }

  /**
   * Writes a batch that is to be taken whole or rejected, and tests each row in the scan that writes it: what
   * is tested is what is written, it is read once, and the tests of all rows together are made while the
   * files are brought to the disk.
   *
   * `undefined` where the batch has to be tested before it is written, or a row fails: then it has to be
   * found which.
   */
  async #writeFirst(
    { target, fitted, rules, gate }: FittedBatch,
    count: number,
  ): Promise<WrittenBatch | undefined> {
    const guard = [...(gate?.guard ?? []), ...rules.rows.map(violatedSql)];
    if (
      (gate === undefined && guard.length === 0) ||
      gate?.takesWhole === false ||
      !this.#writesInOneScan(target)
    )
      return undefined;
    if (gate !== undefined && !seesWritten(rules)) return undefined;
    const rows = writtenRows(fitted, rules, undefined);
    try {
      const data = await this.#write(target, rows, {
        rows: count,
        guard: guard.length === 0 ? undefined : guard,
      });
      const [tested, flushed] = await Promise.allSettled([
        this.#verdictOfWritten(gate, target, rows, data),
        flushData(target.context, data),
      ]);
      if (tested.status === "rejected") throw tested.reason;
      if (flushed.status === "rejected") throw flushed.reason;
      const verdict = tested.value;
      if (data.rows === count && (gate === undefined || verdict !== undefined))
        return { rows, data, verdict };
      await data.discard();
    } catch (error) {
      if (!isGuardStop(error)) throw error;
    }
    return undefined;
  }

  async #verdictOfWritten(
    gate: Gate | undefined,
    target: BatchTarget,
    rows: WrittenRows,
    data: StagedData,
  ): Promise<GateOutcome | undefined> {
    if (gate === undefined) return undefined;
    this.#report("checking");
    const verdict = await gate.verdictOfWritten(writtenFacts(this.#session, target, data, rows));
    return verdict === undefined ? undefined : this.#accepted(verdict);
  }

  /** Makes all tests, and then writes the rows that are clean. */
  async #testFirst({ target, fitted, rules, gate }: FittedBatch, given: number): Promise<WrittenBatch> {
    if (gate !== undefined) this.#report("checking");
    const verdict = gate === undefined ? undefined : this.#accepted(await gate.verdict());
    const clean = writtenRows(fitted, rules, verdict);
    if (rules.rows.length > 0) await checkRules(this.#session, rules.rows, clean);
    const rows = await this.#composed(clean, target);
    const data =
      this.#hooks.judgeOnly === true
        ? nothingStaged
        : await this.#write(target, rows, rowsAtMost(rows, clean, verdict?.rows ?? given));
    if (verdict !== undefined && rows === clean && this.#hooks.judgeOnly !== true && seesWritten(rules))
      await gate?.confirm(verdict, writtenFacts(this.#session, target, data, rows));
    return { rows, data, verdict };
  }

  #writesInOneScan({ metadata }: BatchTarget): boolean {
    return (
      this.#hooks.compose === undefined &&
      this.#hooks.judgeOnly !== true &&
      metadata.partitionColumns.length === 0
    );
  }

  #write(
    target: BatchTarget,
    rows: WrittenRows,
    known: Pick<DataWriteOptions, "rows" | "rowsAtMost" | "guard">,
  ): Promise<StagedData> {
    this.#report("writing");
    const { onProgress } = this.#options;
    return stageData(this.#session, dataTarget(target), rows.sql, this.#staging, {
      ...known,
      targetFileBytes: this.#options.targetFileBytes,
      signal: this.#options.signal,
      hiddenColumns: rows.hidden,
      onProgress:
        onProgress === undefined ? undefined : (share: number) => onProgress({ phase: "writing", share }),
    });
  }

  async #stage(base: BatchTarget, source: WriteSource): Promise<StagedSource> {
    this.#report("reading");
    const columns =
      this.#hooks.untyped === true ? [] : sourceColumns(base, this.#options.mergeSchema === true);
    const staged = await stageWriteSource(this.#session, source, {
      columns: columns.length === 0 ? undefined : columns,
      badCells: this.#suite?.onMisfit === "quarantine" ? ("keep" as const) : undefined,
      positions: this.#suite !== undefined && suiteNeeds(this.#suite).positions,
      onProgress: (rows) => this.#options.onProgress?.({ phase: "reading", rows }),
      signal: this.#options.signal,
    });
    this.#readable.push(...staged.files);
    return staged;
  }

  async #composed(rows: WrittenRows, target: BatchTarget): Promise<WrittenRows> {
    if (this.#hooks.compose === undefined) return rows;
    return this.#hooks.compose(await this.#fence(), rows, target);
  }

  #merged(base: BatchTarget, relation: StagedRelation): BatchTarget {
    if (this.#options.mergeSchema !== true) return base;
    return mergedTarget(base, relation.columns, this.#options.upgradeProtocol === true);
  }

  /** What the source is held to: the table's columns, without the one that the gate adds. */
  #expected({ schema }: BatchTarget): StructType {
    const tag = this.#tagColumn;
    return tag === null
      ? schema
      : { type: "struct", fields: schema.fields.filter((field) => field.name !== tag) };
  }

  get #tagColumn(): string | null {
    return this.#suite === undefined ? null : suiteNeeds(this.#suite).tagColumn;
  }

  /**
   * The target with the column that the gate's tags go into, which a merge or a table's first batch may add.
   */
  #tagged(target: BatchTarget): BatchTarget {
    const tag = this.#tagColumn;
    if (tag === null || findField(target.schema, tag) !== undefined) return target;
    const mayAdd =
      this.#options.mergeSchema === true || target.snapshot === undefined || this.#hooks.untyped === true;
    if (mayAdd)
      return mergedTarget(target, [{ name: tag, type: "VARCHAR[]" }], this.#options.upgradeProtocol === true);
    throw new VarveError(
      "SCHEMA_MISMATCH",
      `The gate tags rows in the column ${tag}, which the table does not have. Write with mergeSchema to add it. Nothing was written.`,
      { column: [tag], expected: "array<string>", found: "no such column", reason: "missing" },
    );
  }

  async #rules(target: BatchTarget, plan: EnforcementPlan): Promise<WriteRules> {
    const given = plan.columns
      .filter((column) => column.sql !== undefined)
      .map((column) => column.field.name);
    return writeRules(this.#fence, target.schema, target.demands, {
      given,
      now: target.context.world.now(),
    });
  }

  async #gate(
    fitted: StagedRelation,
    target: BatchTarget,
    relations: GateRelations,
    rules: WriteRules,
    setAside: SetAside | undefined,
  ): Promise<Gate | undefined> {
    if (this.#suite === undefined) return undefined;
    const { gateOptions } = this.#options;
    return Gate.open(this.#session, this.#suite, fitted, {
      now: target.context.world.now(),
      relations,
      functions: gateOptions?.functions === undefined ? undefined : gateOptions.functions,
      history: gateOptions?.history === undefined ? undefined : gateOptions.history,
      setAside,
      afterRepair:
        rules.computed.size === 0 ? undefined : (batch: StagedRelation) => computedAnew(batch, rules),
      fence: this.#fence,
    });
  }

  /** @throws `BATCH_REJECTED` */
  #accepted(verdict: GateOutcome): GateOutcome {
    if (!verdict.accepted && this.#hooks.judgeOnly !== true) throw rejected(verdict);
    return verdict;
  }

  /** Scans of the tables that the gate compares with; made before the session is fenced. */
  async #gateRelations(base: BatchTarget): Promise<GateRelations> {
    const found: Record<string, StagedRelation> = {};
    for (const name of this.#suite === undefined ? [] : suiteNeeds(this.#suite).relations) {
      const snapshot =
        this.#options.gateOptions?.tables?.[name] ?? (name === "this" ? base.snapshot : undefined);
      if (snapshot === undefined) continue;
      const scan = await planScan(this.#session, snapshot);
      this.#readable.push(...scan.files);
      found[name] = await this.#session.stage({ kind: "relation", relation: scan });
    }
    return found;
  }

  /** The tables that the gate compares with; of the one that is written to only what the write leaves. */
  async #keptRelations(held: GateRelations, batch: StagedRelation): Promise<GateRelations> {
    const { this: table, ...others } = held;
    if (
      table === undefined ||
      this.#hooks.kept === undefined ||
      this.#options.gateOptions?.tables?.["this"] !== undefined
    )
      return held;
    const kept = await this.#hooks.kept(await this.#fence(), table, batch);
    return kept === undefined ? others : { ...others, this: kept };
  }

  #report(phase: "reading" | "checking" | "writing"): void {
    throwIfCancelled(this.#options.signal, `${phase} the batch`);
    this.#options.onProgress?.({ phase });
  }
}

/** A batch that fits the table. */
interface FittedBatch {
  readonly target: BatchTarget;
  readonly fitted: StagedRelation;
  readonly rules: WriteRules;
  readonly gate: Gate | undefined;
}

interface WrittenBatch {
  readonly rows: WrittenRows;
  readonly data: StagedData;
  readonly verdict: GateOutcome | undefined;
}

async function countRows(session: Session, sql: string): Promise<number> {
  const [row] = await session.rows(`SELECT count(*) AS n FROM (${sql})`);
  return Number(row?.["n"] ?? 0);
}

const nothingStaged: StagedData = Object.freeze({
  files: [],
  rows: 0,
  bytes: 0,
  discard: async () => undefined,
});

type GateRelations = Readonly<Record<string, StagedRelation>>;

/** How many rows are to be written at most, where no verb adds others. */
function rowsAtMost(
  rows: WrittenRows,
  clean: WrittenRows,
  count: number,
): { readonly rowsAtMost?: number | undefined } {
  return rows === clean ? { rowsAtMost: count } : {};
}

function rejected(verdict: GateOutcome): VarveError {
  const [first, ...more] = verdict.reasons;
  const others = more.length === 0 ? "" : ` (and ${more.length} more)`;
  return new VarveError(
    "BATCH_REJECTED",
    `The gate ${verdict.suite.name} rejected the batch: ${first ?? "no reason given"}${others}. Nothing was written.`,
    {
      reasons: [...verdict.reasons],
      gate: summarizeVerdict(verdict),
    },
  );
}
