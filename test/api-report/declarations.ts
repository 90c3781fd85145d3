import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import {
  Extractor,
  ExtractorConfig,
  ExtractorLogLevel,
  type ExtractorMessage,
  type IConfigFile,
} from "@microsoft/api-extractor";

/** Names of the entry points: each is a file directly below `src/`. */
export const entryPoints = ["index", "suite", "store", "report"] as const;

const root = fileURLToPath(new URL("../..", import.meta.url));
const none = { logLevel: ExtractorLogLevel.None };
const warning = { logLevel: ExtractorLogLevel.Warning };

/**
 * Runs `work` with a folder that holds the declarations of every source, inside the project: there they find
 * its packages.
 */
export function withDeclarations<T>(work: (folder: string) => T): T {
  const folder = mkdtempSync(join(root, ".declarations-"));
  try {
    const tsc = join(root, "node_modules", ".bin", "tsc");
    execFileSync(tsc, ["-p", "tsconfig.build.json", "--outDir", folder], { cwd: root, stdio: "inherit" });
    return work(folder);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** As {@link withDeclarations}, with the name of a file that holds what all entry points give. */
export function withAllDeclarations<T>(work: (folder: string, entry: string) => T): T {
  return withDeclarations((folder) => {
    const all = entryPoints.map((entry) => `export * from "./${entry}.js";\n`).join("");
    writeFileSync(join(folder, "types.d.ts"), all);
    return work(folder, "types");
  });
}

/**
 * Runs API Extractor on one file of declarations.
 *
 * @returns what is wrong, a line each: a type in a public signature that is not exported is
 */
export function extract(
  folder: string,
  entry: string,
  outputs: Pick<IConfigFile, "apiReport" | "docModel" | "dtsRollup">,
  localBuild = true,
): { readonly problems: string[]; readonly reportChanged: boolean } {
  const file = join(folder, `${entry}.d.ts`);
  const compilerOptions = {
    module: "NodeNext",
    moduleResolution: "NodeNext",
    target: "ES2022",
    lib: ["ES2023"],
    types: ["node"],
    strict: true,
    skipLibCheck: true,
  };
  const config = ExtractorConfig.prepare({
    configObject: {
      projectFolder: root,
      mainEntryPointFilePath: file,
      compiler: { overrideTsconfig: { compilerOptions, files: [file] } },
      newlineKind: "lf",
      apiReport: { enabled: false },
      docModel: { enabled: false },
      dtsRollup: { enabled: false },
      tsdocMetadata: { enabled: false },
      ...outputs,
      messages: {
        compilerMessageReporting: { default: warning },
        extractorMessageReporting: {
          default: warning,
          // no release tags: what is exported is public
          "ae-missing-release-tag": none,
          "ae-unresolved-link": none,
          "ae-undocumented": none,
        },
        tsdocMessageReporting: { default: none },
      },
    },
    configObjectFullPath: undefined,
    packageJsonFullPath: join(root, "package.json"),
  });
  const problems: string[] = [];
  const { apiReportChanged } = Extractor.invoke(config, {
    localBuild,
    messageCallback: (message) => {
      message.handled = true;
      if (message.messageId.startsWith("console-api-report-")) return;
      if (message.logLevel === ExtractorLogLevel.Error || message.logLevel === ExtractorLogLevel.Warning)
        problems.push(textOf(message));
    },
  });
  return { problems, reportChanged: apiReportChanged };
}

function textOf({ sourceFilePath, sourceFileLine, messageId, text }: ExtractorMessage): string {
  return `${sourceFilePath ?? ""}${sourceFileLine === undefined ? "" : `:${sourceFileLine}`} ${messageId}: ${text}`;
}

/**
 * Writes the declarations that are shipped: all of them in one file, and for each entry point a file that names
 * what it gives of it. A class is declared once, so that a table of `varve` goes into functions of `varve/suite`.
 */
function shipDeclarations(): string[] {
  return withAllDeclarations((folder, all) => {
    const target = join(root, "dist", "types.d.ts");
    const { problems } = extract(folder, all, {
      dtsRollup: { enabled: true, untrimmedFilePath: target },
    });
    for (const entry of entryPoints) {
      const names = exportedNames(readFileSync(join(folder, `${entry}.d.ts`), "utf8"));
      const list = names.map((name) => `  ${name},\n`).join("");
      writeFileSync(join(root, "dist", `${entry}.d.ts`), `export {\n${list}} from "./types.js";\n`);
    }
    return problems;
  });
}

/** Names in `export { … } from` and `export type { … } from`; entry points hold nothing else. */
function exportedNames(declarations: string): string[] {
  const rest = declarations.replace(/\/\*[\s\S]*?\*\//g, "");
  const lists = [...rest.matchAll(/export (type )?\{([^}]*)\} from "[^"]+";\s*/g)];
  const left = lists.reduce((text, [list]) => text.replace(list, ""), rest).trim();
  if (left !== "") throw new Error(`An entry point re-exports by name, and nothing else: ${left}`);
  return lists.flatMap(([, type = "", names = ""]) =>
    names
      .split(",")
      .map((name) => name.trim())
      .filter((name) => name !== "")
      .map((name) => (name.startsWith("type ") ? name : `${type}${name}`)),
  );
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? "").href) {
  const problems = shipDeclarations();
  for (const problem of problems) console.error(problem);
  process.exitCode = problems.length === 0 ? 0 : 1;
}
