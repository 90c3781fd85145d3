import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { stat } from "node:fs/promises";
import { resolve } from "node:path";
import { VarveError } from "../errors.ts";

/** A model, or the code that made something. */
export interface Artifact {
  readonly name?: string | undefined;
  readonly version?: string | undefined;
  /** Local file, whose SHA-256 is recorded; reproducing compares it. */
  readonly file?: string | undefined;
  /** Digest, commit or other identity, if there is no file. */
  readonly hash?: string | undefined;
}

/** Whether a file that was recorded is still the same. */
export type ArtifactState = "same" | "changed" | "missing" | "notRecorded";

/** The artifact with the absolute name and the digest of its file. @throws errors of the file system */
export async function withFileHash<T extends Artifact>(
  artifact: T,
  digests: Map<string, string>,
): Promise<T> {
  if (artifact.file === undefined) return artifact;
  const file = resolve(artifact.file);
  const digest = digests.get(file) ?? (await fileDigest(file));
  digests.set(file, digest);
  return { ...artifact, file, hash: digest };
}

/** Compares the file of an artifact with what was recorded of it. */
export async function artifactState(artifact: Artifact | undefined): Promise<ArtifactState> {
  if (artifact?.file === undefined || artifact.hash === undefined) return "notRecorded";
  try {
    return (await fileDigest(artifact.file)) === artifact.hash ? "same" : "changed";
  } catch (error) {
    if (error instanceof NoFileError) return "missing";
    const isGone =
      error instanceof Error && "code" in error && ["ENOENT", "ENOTDIR"].includes(String(error.code));
    if (isGone) return "missing";
    throw error;
  }
}

/** In the place of a file is something else. */
export class NoFileError extends Error {}

/** `sha256:` and the digest of a file. @throws errors of the file system, {@link NoFileError} */
export async function fileDigest(file: string): Promise<string> {
  const before = await stat(file);
  // A pipe or a device might never end.
  if (!before.isFile()) throw new NoFileError(`${file} is not a file`);
  const hash = createHash("sha256");
  for await (const chunk of createReadStream(file)) hash.update(chunk as Uint8Array);
  const after = await stat(file);
  if (after.size !== before.size || after.mtimeMs !== before.mtimeMs || after.ino !== before.ino)
    throw new VarveError(
      "SOURCE_CHANGED",
      `${file} changed while its digest was computed. Repeat it when nothing writes the file.`,
      { file },
    );
  return `sha256:${hash.digest("hex")}`;
}
