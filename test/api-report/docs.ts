import { execFileSync } from "node:child_process";
import { mkdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { extract, withAllDeclarations } from "./declarations.ts";

// Writes the reference of all entry points as Markdown into docs/: `npm run docs`.

const root = fileURLToPath(new URL("../..", import.meta.url));
const output = join(root, "docs");
withAllDeclarations((folder, entry) => {
  const models = join(folder, "models");
  mkdirSync(models);
  const apiJsonFilePath = join(models, "varve.api.json");
  const { problems } = extract(folder, entry, { docModel: { enabled: true, apiJsonFilePath } });
  for (const problem of problems) console.error(problem);
  rmSync(output, { recursive: true, force: true });
  const documenter = join(root, "node_modules", ".bin", "api-documenter");
  execFileSync(documenter, ["markdown", "--input-folder", models, "--output-folder", output], {
    stdio: ["ignore", "ignore", "inherit"],
  });
  console.log(`${join(output, "index.md")}`);
});
