import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { entryPoints, extract, withDeclarations } from "./declarations.ts";

// Compares the public face of each entry point with its report below spec/, or writes it there with --update:
// its difference is what a release changes for callers. A type that stands in a public signature and is not
// exported fails both.

const root = fileURLToPath(new URL("../..", import.meta.url));
const update = process.argv.includes("--update");
const problems = withDeclarations((folder) =>
  entryPoints.flatMap((entry) => {
    const name = entry === "index" ? "varve" : `varve-${entry}`;
    const { problems, reportChanged } = extract(
      folder,
      entry,
      {
        apiReport: {
          enabled: true,
          reportFileName: name,
          reportFolder: join(root, "spec"),
          reportTempFolder: join(folder, "report"),
          includeForgottenExports: false,
        },
      },
      update,
    );
    return reportChanged && !update
      ? [
          ...problems,
          `The public face differs from spec/${name}.api.md. Look at what changed, and run \`npm run api -- --update\`.`,
        ]
      : problems;
  }),
);
for (const problem of problems) console.error(problem);
process.exitCode = problems.length === 0 ? 0 : 1;
