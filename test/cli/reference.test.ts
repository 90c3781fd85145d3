import { readFileSync, writeFileSync } from "node:fs";
import type { Command } from "commander";
import { describe, expect, it } from "vitest";
import { buildProgram } from "../../src/cli/program.ts";

const page = new URL("../../spec/cli.md", import.meta.url);

/** Every command with its own options, groups before their commands. */
function commandsOf(
  command: Command,
  path = "varve",
): readonly (readonly [path: string, command: Command])[] {
  const below = command.commands.flatMap((each) => commandsOf(each, `${path} ${each.name()}`));
  return [[path, command], ...below];
}

/** The page, from what `--help` prints at 100 columns, so that it cannot say anything else. */
function reference(): string {
  const sections = commandsOf(buildProgram()).map(([path, command]) => {
    let help = "";
    command.configureOutput({
      writeOut: (text) => {
        help += text;
      },
      getOutHelpWidth: () => 100,
    });
    command.outputHelp();
    return `## \`${path}\`\n\n\`\`\`text\n${help.trim().replaceAll(/[ \t]+$/gm, "")}\n\`\`\`\n`;
  });
  return `${head}\n${sections.join("\n")}`;
}

const head = `# Command line

What \`--help\` prints, of each command. \`test/cli/reference.test.ts\` keeps this page true; after a change on
purpose, \`VARVE_UPDATE_CLI=1 npx vitest run test/cli/reference.test.ts\` writes it anew.

| exit code | meaning |
|---|---|
| 0 | done |
| 1 | failed |
| 2 | usage error: unknown or conflicting arguments, or a value that an option cannot take |
| 3 | the tests reject the batch; with \`--strict\`, any check failed |
| 4 | \`varve drift\`, \`varve monitor run\` and \`backfill\`: a column moved; \`varve monitor run\`, \`backfill\` and \`alerts\`: an alert of the monitor fires that nobody muted or acknowledged; \`varve model compare\`: not promoted; \`varve runs regression\`: the metric got worse |

\`varve run\` ends with the exit code of its command.

A reader that closes the pipe early (\`varve show … | head\`) is no failure. A process that a signal stops ends by
that signal, after it has said what was written.
`;

describe("spec/cli.md", () => {
  it("has the help of every command, with all options, and the exit codes", () => {
    if (process.env["VARVE_UPDATE_CLI"] !== undefined) writeFileSync(page, reference());
    expect(readFileSync(page, "utf8")).toBe(reference());
  });

  it("has --json wherever --format json is, and --format json wherever --json is", () => {
    const takesJson = ({ options }: Command) => ({
      format: options.find(({ long }) => long === "--format")?.argChoices?.includes("json") ?? false,
      json: options.some(({ long }) => long === "--json"),
    });
    const all = commandsOf(buildProgram()).map(([path, command]) => ({ path, ...takesJson(command) }));
    expect(all.filter(({ json }) => json).length).toBeGreaterThan(50);
    expect(all.filter(({ format, json }) => format !== json)).toEqual([]);
  });

  it("is the page of commands that all have a summary, a description and options that say what they do", () => {
    for (const [path, command] of commandsOf(buildProgram())) {
      expect({ path, described: command.description() !== "" }).toEqual({ path, described: true });
      const silent = command.options
        .filter(({ description }) => description === "")
        .map(({ flags }) => flags);
      expect({ path, silent }).toEqual({ path, silent: [] });
    }
  });

  it("is the page of commands that say which options they need, and list their examples once", () => {
    for (const [path, command] of commandsOf(buildProgram())) {
      let help = "";
      command.configureOutput({
        writeOut: (text) => {
          help += text;
        },
      });
      command.outputHelp();
      const examples = help.match(/^Examples:$/gm)?.length ?? 0;
      expect({ path, examples }).toEqual({ path, examples: Math.min(examples, 1) });
      const needed = command.options.filter(({ mandatory }) => mandatory).map(({ flags }) => flags);
      expect({ path, needed: command.helpInformation().match(/\(required\)/g)?.length ?? 0 }).toEqual({
        path,
        needed: needed.length,
      });
    }
  });

  it("has the commands of the README's tour", () => {
    const readme = readFileSync(new URL("../../README.md", import.meta.url), "utf8");
    const known = new Set(commandsOf(buildProgram()).map(([path]) => path));
    const [block = ""] = /```sh\nvarve create[\s\S]*?```/.exec(readme) ?? [];
    expect(block.length).toBeGreaterThan(500);
    const tour = block.matchAll(/^varve ([a-z]+)(?: (list|show|repair|resubmit|audit|publish|discard)\b)?/gm);
    for (const [, name, below] of tour) {
      const isGroup = name === "quarantine" || name === "staged" || name === "suite";
      expect(known).toContain(isGroup ? `varve ${name} ${below}` : `varve ${name}`);
    }
  });
});
