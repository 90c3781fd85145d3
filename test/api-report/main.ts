import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import {
  Extractor,
  ExtractorConfig,
  ExtractorLogLevel,
  type ExtractorMessage,
} from "@microsoft/api-extractor";

// Compares the public face of the package with spec/varve.api.md, or writes it there with --update: its
// difference is what a release changes for callers. A type that stands in a public signature and is not
// exported fails both.

const root = fileURLToPath(new URL("../..", import.meta.url));
const update = process.argv.includes("--update");
// inside the project, so that the declarations find its packages
const folder = mkdtempSync(join(root, ".api-report-"));
try {
  const tsc = join(root, "node_modules", ".bin", "tsc");
  execFileSync(tsc, ["-p", "tsconfig.build.json", "--emitDeclarationOnly", "--outDir", folder], {
    cwd: root,
    stdio: "inherit",
  });
  const problems: string[] = [];
  const result = Extractor.invoke(configOf(folder), {
    localBuild: update,
    messageCallback: (message) => {
      message.handled = true;
      if (message.messageId.startsWith("console-api-report-")) return;
      if (message.logLevel === ExtractorLogLevel.Error || message.logLevel === ExtractorLogLevel.Warning)
        problems.push(textOf(message));
    },
  });
  if (result.apiReportChanged && !update)
    problems.push(
      "The public face differs from spec/varve.api.md. Look at what changed, and run `npm run api -- --update`.",
    );
  for (const problem of problems) console.error(problem);
  process.exitCode = problems.length === 0 ? 0 : 1;
} finally {
  rmSync(folder, { recursive: true, force: true });
}

function configOf(declarations: string): ExtractorConfig {
  const none = { logLevel: ExtractorLogLevel.None };
  return ExtractorConfig.prepare({
    configObject: {
      projectFolder: root,
      mainEntryPointFilePath: join(declarations, "index.d.ts"),
      compiler: {
        overrideTsconfig: {
          compilerOptions: {
            module: "NodeNext",
            moduleResolution: "NodeNext",
            target: "ES2022",
            lib: ["ES2023"],
            types: ["node"],
            strict: true,
            skipLibCheck: true,
          },
          files: [join(declarations, "index.d.ts")],
        },
      },
      apiReport: {
        enabled: true,
        reportFileName: "varve",
        reportFolder: join(root, "spec"),
        reportTempFolder: join(declarations, "report"),
        includeForgottenExports: false,
      },
      newlineKind: "lf",
      docModel: { enabled: false },
      dtsRollup: { enabled: false },
      tsdocMetadata: { enabled: false },
      messages: {
        compilerMessageReporting: { default: { logLevel: ExtractorLogLevel.Warning } },
        extractorMessageReporting: {
          default: { logLevel: ExtractorLogLevel.Warning },
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
}

function textOf({ sourceFilePath, sourceFileLine, messageId, text }: ExtractorMessage): string {
  return `${sourceFilePath ?? ""}${sourceFileLine === undefined ? "" : `:${sourceFileLine}`} ${messageId}: ${text}`;
}
