import { readFileSync } from "node:fs";

/** The version in varve's own package.json, as `--version` prints it and commits name it. */
export function packageVersion(): string {
  const manifest: unknown = JSON.parse(readFileSync(new URL("../../../package.json", import.meta.url), "utf8"));
  const version = typeof manifest === "object" && manifest !== null && "version" in manifest ? manifest.version : undefined;
  if (typeof version !== "string") throw new Error("varve internal error: package.json holds no version");
  return version;
}
