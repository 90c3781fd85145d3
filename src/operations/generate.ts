import { VarveError } from "../errors.ts";
import type { LogSnapshot } from "../log/contract.ts";
import type { AddAction } from "../protocol/actions.ts";
import { physicalName } from "../schema/column-mapping.ts";
import { requireColumn } from "../schema/fields.ts";
import { partitionText } from "../schema/partition-values.ts";
import { decodeLogPath, hiveFolder } from "../schema/paths.ts";
import { mappingModeOf } from "../table/scan/scan.ts";
import { throwIfCancelled } from "../util/cancel.ts";
import { mapBounded } from "../util/concurrency.ts";

/** What can be generated from a table for other engines. */
export type GenerateMode = "symlink_format_manifest";

/** Options of a generation. */
export interface GenerateOptions {
  readonly signal?: AbortSignal | undefined;
}

/** Result of a generation. */
export interface GenerateResult {
  /** The version whose files the manifests name. */
  readonly version: number;
  /** Manifests that were written: one for each partition. */
  readonly manifests: number;
  /** Data files that they name. */
  readonly files: number;
  /** Manifests of partitions that have no files any more. */
  readonly manifestsRemoved: number;
}

const folder = "_symlink_format_manifest";
const writesUnderWay = 16;

/**
 * Writes lists of a table's live data files, by which engines that do not read Delta (Presto, Athena, Hive) read its
 * newest version: `_symlink_format_manifest/manifest`, or one in a folder for each partition. They have to be
 * generated again after each change.
 *
 * @throws `INVALID_ARGUMENT` for another mode; `UNSUPPORTED_FEATURE` for a table with deletion vectors or mapped
 * columns, whose files alone do not say what its rows are
 */
export async function generate(
  snapshot: LogSnapshot,
  mode: string,
  { signal }: GenerateOptions = {},
): Promise<GenerateResult> {
  if (mode !== "symlink_format_manifest")
    throw new VarveError(
      "INVALID_ARGUMENT",
      `Cannot generate ${JSON.stringify(mode)}: the only mode is symlink_format_manifest.`,
      { found: mode, known: ["symlink_format_manifest"] },
    );
  if (mappingModeOf(snapshot) !== "none")
    throw notPlain("columnMapping", "its columns have other names in its files");
  const { store } = snapshot.context;
  const { manifests, files } = await manifestsOf(snapshot);
  await mapBounded(manifests, writesUnderWay, async ([path, lines]) => {
    throwIfCancelled(signal, "writing manifests");
    await store.put(path, new TextEncoder().encode(lines.map((line) => `${line}\n`).join("")), { signal });
  });
  let manifestsRemoved = 0;
  for await (const { path } of store.list(`${folder}/`, { signal })) {
    if (manifests.has(path)) continue;
    await store.delete(path, { signal });
    manifestsRemoved += 1;
  }
  return { version: snapshot.version, manifests: manifests.size, files, manifestsRemoved };
}

/** The names of data files by the path of their manifest. */
async function manifestsOf(
  snapshot: LogSnapshot,
): Promise<{ readonly manifests: ReadonlyMap<string, readonly string[]>; readonly files: number }> {
  const manifests = new Map<string, string[]>();
  // Of a table without files, its readers still want to find none.
  if (snapshot.metadata.partitionColumns.length === 0) manifests.set(`${folder}/manifest`, []);
  let files = 0;
  for await (const chunk of (await snapshot.files()).all())
    for (const file of chunk) {
      if (file.deletionVector !== undefined)
        throw notPlain("deletionVectors", "some of its files hold rows that are deleted");
      const path = manifestPath(snapshot, file);
      const line = fileLine(snapshot.context.store.uri, file.path);
      const known = manifests.get(path);
      if (known === undefined) manifests.set(path, [line]);
      else known.push(line);
      files += 1;
    }
  return { manifests, files };
}

function manifestPath({ metadata, schema }: LogSnapshot, { partitionValues }: AddAction): string {
  const pairs = metadata.partitionColumns.map((name): [string, string | null] => [
    name,
    partitionText(partitionValues, physicalName(requireColumn(schema, name), "none")),
  ]);
  return pairs.length === 0 ? `${folder}/manifest` : `${folder}/${hiveFolder(pairs)}/manifest`;
}

/** The address of a file as Hadoop's readers of manifests take it: in raw characters. */
function fileLine(root: string, logPath: string): string {
  const decoded = decodeLogPath(logPath);
  const base = root.startsWith("file:") ? decodeURIComponent(root) : root;
  const uri = decoded.kind === "absolute" ? decoded.uri : `${base}/${decoded.path}`;
  return uri.replace(/^file:\/\//, "file:");
}

function notPlain(feature: string, why: string): VarveError {
  return new VarveError(
    "UNSUPPORTED_FEATURE",
    `Cannot generate manifests of this table: ${why} (${feature}), which readers of a manifest do not know. Nothing was written. Read the table with an engine that reads Delta${feature === "deletionVectors" ? ", or write these files again first (REORG … APPLY (PURGE))" : ""}.`,
    { features: [feature] },
  );
}
