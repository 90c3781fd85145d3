import { constants, copyFile, link, mkdir, mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { VarveError } from "../errors.ts";
import { stringifyJson, toJsonValue } from "../util/json.ts";
import { systemErrorCode } from "../util/system-refusals.ts";
import type { TrainingSetRecord } from "./record.ts";
import { orderedRows, type TrainingRows } from "./training-rows.ts";

/** A file with the rows of a part. */
export interface TrainingSetFile {
  readonly part: string;
  readonly file: string;
  readonly rows: number;
}

/** Name of the record among the files of a set. */
const recordFile = "training-set.json";

/** The folder of a set's files while they are written. */
export interface UnfinishedFolder {
  readonly folder: string;
  readonly unfinished: string;
}

/** Names of the files of a set with these parts, the record last. */
function fileNames(parts: readonly string[]): string[] {
  return [...parts.map((name) => `${name}.parquet`), recordFile];
}

/**
 * Makes the folder for the files of a set, and one in it for those that are not finished.
 *
 * @throws `INVALID_ARGUMENT` if one of the files is there already
 */
export async function unfinishedFolder(folder: string, parts: readonly string[]): Promise<UnfinishedFolder> {
  try {
    await mkdir(folder, { recursive: true });
    const there = new Set(await readdir(folder));
    const taken = fileNames(parts).find((name) => there.has(name));
    if (taken !== undefined) throw unwritable(folder, `it has a file ${taken} already`);
    return { folder, unfinished: await mkdtemp(join(folder, ".unfinished-")) };
  } catch (error) {
    if (error instanceof VarveError) throw error;
    throw unwritable(folder, error instanceof Error ? error.message : String(error), error);
  }
}

function unwritable(folder: string, why: string, cause?: unknown): VarveError {
  return new VarveError(
    "INVALID_ARGUMENT",
    `Cannot write a training set to ${folder}: ${why}. Give another folder, or make room in this one.`,
    { folder },
    cause,
  );
}

/** Deletes the files of a set of which nothing came. */
export async function removeFiles(place: UnfinishedFolder, files: readonly TrainingSetFile[]): Promise<void> {
  await rm(place.unfinished, { recursive: true, force: true });
  // None, unless all were written.
  if (files.length > 0) await removeNamed(place, fileNames(files.map(({ part }) => part)));
}

async function removeNamed({ folder }: UnfinishedFolder, names: readonly string[]): Promise<void> {
  for (const name of names) await rm(join(folder, name), { force: true });
}

/**
 * Writes a Parquet file for each part and then the record, which is there only once all files are. If it fails, none
 * of them stays.
 *
 * @throws `INVALID_ARGUMENT` for a folder that cannot be written to, as `session.writeFile`
 */
export async function writeFiles(
  rows: TrainingRows,
  record: TrainingSetRecord,
  place: UnfinishedFolder,
  signal: AbortSignal | undefined,
): Promise<TrainingSetFile[]> {
  const { folder, unfinished } = place;
  const names = fileNames(record.parts.map(({ name }) => name));
  for (const [part, { name }] of record.parts.entries())
    await rows.session.writeFile(orderedRows(rows, part), {
      file: join(unfinished, `${name}.parquet`),
      format: "parquet",
      signal,
    });
  const moved: string[] = [];
  try {
    await writeFile(join(unfinished, recordFile), `${stringifyJson(toJsonValue(record), 2)}\n`);
    for (const name of names) {
      await placeFile(join(unfinished, name), join(folder, name));
      moved.push(name);
    }
    await rm(unfinished, { recursive: true });
  } catch (error) {
    await removeNamed(place, moved);
    const isTaken = systemErrorCode(error) === "EEXIST";
    const reason = error instanceof Error ? error.message : String(error);
    throw unwritable(folder, isTaken ? `it has a file ${names[moved.length]} already` : reason, error);
  }
  return record.parts.map(({ name, rows: count }) => ({
    part: name,
    file: join(folder, `${name}.parquet`),
    rows: count,
  }));
}

/**
 * Gives a file its name, as a link where the file system has them. What another process has put there meanwhile is not
 * replaced, so that no folder has files of two sets.
 */
async function placeFile(from: string, to: string): Promise<void> {
  try {
    await link(from, to);
  } catch (error) {
    if (systemErrorCode(error) === "EEXIST") throw error;
    await copyNew(from, to);
  }
}

async function copyNew(from: string, to: string): Promise<void> {
  try {
    await copyFile(from, to, constants.COPYFILE_EXCL);
  } catch (error) {
    // Half a copy is this call's own, but a file that was there is not.
    if (systemErrorCode(error) !== "EEXIST") await rm(to, { force: true });
    throw error;
  }
}
