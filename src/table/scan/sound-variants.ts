import { statSync } from "node:fs";
import type { Session } from "../../engine/core/contract.ts";
import { isVarveError, VarveError } from "../../errors.ts";
import type { TableContext } from "../../log/contract.ts";

/** Which columns of a file were found sound, valid as long as it is the same file. */
interface KnownFile {
  readonly size: number;
  readonly changed: number;
  readonly columns: Set<string>;
}

const mostKnown = 50_000;
/** By local file name. Data files never change, so those of a table that is read again are not tested again. */
const known = new Map<string, KnownFile>();

/**
 * Makes sure that annotated variants are what the engine can decode: it would cut moments with nanoseconds and a
 * zone, drop fields, and end the process where they are nested too deep. Looks at files in a session of its own,
 * because a fenced one lets it not.
 *
 * @param columns of the files, by the names in them
 * @throws `DATA_FILE_CORRUPT` naming file and column for damage, `UNSUPPORTED_FEATURE` for sound variants that
 * the engine has no type for
 */
export async function assertSoundVariants(
  { engine }: Pick<TableContext, "engine">,
  files: readonly string[],
  columns: readonly string[],
): Promise<void> {
  const states = files.map((file) => stateOf(file, columns)).filter(({ untested }) => untested.length > 0);
  if (states.length === 0) return;
  await using session = await (await engine()).open();
  for (const { file, stats, tested, untested } of states) {
    await assertSoundFile(session, file, untested);
    for (const column of untested) tested.add(column);
    if (known.size >= mostKnown) known.clear();
    if (stats !== undefined) known.set(file, { size: stats.size, changed: stats.mtimeMs, columns: tested });
  }
}

/** A file as it is now, and which of some columns were found sound in it, or not looked at yet. */
function stateOf(file: string, columns: readonly string[]) {
  const stats = statSync(file, { throwIfNoEntry: false });
  const before = known.get(file);
  const isSame = before?.size === stats?.size && before?.changed === stats?.mtimeMs;
  const tested = isSame && before !== undefined ? before.columns : new Set<string>();
  return { file, stats, tested, untested: columns.filter((column) => !tested.has(column)) };
}

async function assertSoundFile(session: Session, file: string, columns: readonly string[]): Promise<void> {
  const bad = await session.faultyVariant(file, columns).catch((error: unknown) => {
    if (isVarveError(error, "SCHEMA_MISMATCH"))
      throw new VarveError("UNSUPPORTED_FEATURE", error.message, { ...error.data, file }, error);
    if (isVarveError(error, "SOURCE_UNREADABLE"))
      throw new VarveError("DATA_FILE_CORRUPT", error.message, { ...error.data, file }, error);
    throw error;
  });
  if (bad === undefined) return;
  const { column, row, fault, isDamage } = bad;
  const where = row === undefined ? "" : ` in row ${row}`;
  const remedy = isDamage
    ? "Restore the file from a copy."
    : "Rewrite the file with the engine that wrote it.";
  const text = `Column ${column} of the data file ${file} has a variant with ${fault}${where}, which varve cannot read as what it is. ${remedy}`;
  const code = isDamage ? "DATA_FILE_CORRUPT" : "UNSUPPORTED_FEATURE";
  throw new VarveError(code, text, { file, column: [column], found: fault });
}
