import { readFileSync } from "node:fs";

const readme = readFileSync(new URL("../../README.md", import.meta.url), "utf8");

/** A block of code of a page. */
export interface PageBlock {
  readonly language: string;
  /** The file that the block is, if it names one: after its language, or in the comment of its first line. */
  readonly file: string | undefined;
  readonly text: string;
}

/** The blocks of the README's page with this title, in their order. */
export function readmePage(title: string): readonly PageBlock[] {
  const start = readme.indexOf(`\n## ${title}\n`);
  if (start === -1) throw new Error(`README.md has no page ${title}`);
  const page = readme.slice(start + 1, readme.indexOf("\n## ", start + 1) + 1);
  return [...page.matchAll(/^```(\w+)(?: (\S+))?\n([\s\S]*?)^```$/gm)].map(
    ([, language = "", named, text = ""]) => ({
      language,
      file: named ?? /^\/\/ (\S+\.mjs)\n/.exec(text)?.[1],
      text,
    }),
  );
}
