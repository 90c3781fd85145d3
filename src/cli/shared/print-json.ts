import { printWaiting } from "./print.ts";

/** About as many characters are written at once. */
const charactersOfWrite = 64 * 1024;

/**
 * Prints a result as JSON on lines of its own, as `--json` and `--format json` have it, or writes it to the file named
 * by `--output`. It is written in pieces, because the text of a large answer takes more memory than the answer.
 *
 * @throws as `openOutput`
 */
export async function printJson(result: unknown, file?: string | undefined): Promise<void> {
  if (file === undefined) return writePieces(result, printWaiting);
  const { openOutput } = await import("./write-output.ts");
  await using output = await openOutput(file);
  await writePieces(result, (text) => output.write(text));
  await output.end();
}

async function writePieces(value: unknown, write: (text: string) => Promise<void>): Promise<void> {
  const { jsonPieces } = await import("../../api/json.ts");
  let text = "";
  for (const piece of jsonPieces(value)) {
    text += piece;
    if (text.length < charactersOfWrite) continue;
    await write(text);
    text = "";
  }
  await write(`${text}\n`);
}
