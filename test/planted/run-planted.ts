import { join } from "node:path";
import { createVitest, type TestCase, type Vitest } from "vitest/node";
import { fileNamed, type Mistake, planted } from "./mistake.ts";

/** What a run of tests said. */
export interface TestRun {
  /** Full names of the tests that failed. */
  readonly failed: readonly string[];
  /** How many tests ran. */
  readonly ran: number;
  /** Why the tests could not be run at all: a mistake that does not even load proves nothing. */
  readonly error: string | undefined;
}

interface Planted {
  mistake: Mistake | undefined;
  /** Where it is planted. */
  file: string | undefined;
}

/**
 * Runs tests with a mistake in the source as it is loaded; one server for all runs, so that only the file
 * with the mistake is read anew.
 */
export class Planter {
  readonly #root: string;
  readonly #vitest: Vitest;
  readonly #planted: Planted;

  private constructor(root: string, vitest: Vitest, now: Planted) {
    this.#root = root;
    this.#vitest = vitest;
    this.#planted = now;
  }

  static async open(root: string): Promise<Planter> {
    const now: Planted = { mistake: undefined, file: undefined };
    const plugin = {
      name: "planted-mistake",
      enforce: "pre" as const,
      transform: (code: string, id: string) => {
        const { mistake, file } = now;
        return mistake !== undefined && id.split("?")[0] === file ? planted(code, mistake) : undefined;
      },
    };
    const vitest = await createVitest("test", { root, watch: false, reporters: [{}] }, { plugins: [plugin] });
    await vitest.standalone();
    return new Planter(root, vitest, now);
  }

  /** Runs the named tests of a file, with a mistake or without. */
  async run({ test, name }: Pick<Mistake, "test" | "name">, mistake: Mistake | undefined): Promise<TestRun> {
    const vitest = this.#vitest;
    const file = mistake === undefined ? undefined : fileNamed(join(this.#root, "src"), mistake.file);
    for (const changed of [this.#planted.file, file])
      if (changed !== undefined) vitest.invalidateFile(changed);
    this.#planted.mistake = mistake;
    this.#planted.file = file;
    vitest.setGlobalTestNamePattern(new RegExp(name));
    const path = fileNamed(join(this.#root, "test"), test);
    const { testModules, unhandledErrors } = await vitest.runTestSpecifications(
      await vitest.globTestSpecifications([path]),
    );
    // The server tells of the files that it ran before, too.
    const modules = testModules.filter(({ moduleId }) => moduleId === path);
    const tests = modules.flatMap((module): TestCase[] => [...module.children.allTests()]);
    const failed = tests.filter((one) => one.result().state === "failed").map((one) => one.fullName);
    const ran = tests.filter((one) => one.result().state !== "skipped").length;
    const [first] = [...modules.flatMap((module) => module.errors()), ...unhandledErrors];
    const reason = first === undefined ? "no test ran" : messageOf(first);
    return { failed, ran, error: ran === 0 ? reason : undefined };
  }

  async close(): Promise<void> {
    await this.#vitest.close();
  }
}

function messageOf(error: unknown): string {
  return typeof error === "object" && error !== null && "message" in error
    ? String(error.message)
    : String(error);
}
