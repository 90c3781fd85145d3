import { createRequire } from "node:module";

/** The version in varve's own package.json, as `--version` prints it and commits name it. */
export function packageVersion(): string {
  const manifest: unknown = createRequire(import.meta.url)("varve/package.json");
  const version =
    typeof manifest === "object" && manifest !== null && "version" in manifest ? manifest.version : undefined;
  if (typeof version !== "string") throw new Error("varve internal error: package.json holds no version");
  return version;
}
