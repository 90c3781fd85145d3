import type { Mistake } from "./mistake.ts";

/** Mistakes in the prediction ledger. */
export const ledgerMistakes: readonly Mistake[] = [
  {
    what: "A prediction's id is not declared as read, so that racing writers record it twice.",
    file: "record-predictions.ts",
    find: "runPlan({ ...plan, reads }, { signal })",
    replace: "runPlan({ ...plan, reads: reads && {} }, { signal })",
    test: "reproduce/ledger.test.ts",
    name: "when writers race",
  },
  {
    what: "An id that is recorded with other content is taken for the same prediction.",
    file: "record-predictions.ts",
    find: "if (ids.get(String(id)) !== digest)",
    replace: "if (ids.get(String(id)) === undefined)",
    test: "reproduce/ledger.test.ts",
    name: "writes an id once",
  },
  {
    what: "Rows of a prediction with other values are given back.",
    file: "reproduce/reproduce.ts",
    find: "sum.rows !== input.rows || sum.fingerprint !== input.fingerprint",
    replace: "sum.rows !== input.rows",
    test: "reproduce/ledger.test.ts",
    name: "rows differ",
  },
  {
    what: "The newest version of an input is read, not the recorded one.",
    file: "input-versions.ts",
    find: "openLog(await this.#context(uri), { version })",
    replace: "openLog(await this.#context(uri), { ...(version < 0 && { version }) })",
    test: "reproduce/ledger.test.ts",
    name: "after the table changed",
  },
  {
    what: "A table that was created again is taken for the one that predictions were made from.",
    file: "reproduce/reproduce.ts",
    find: "tableId !== undefined && id !== tableId",
    replace: "tableId !== undefined && id === undefined",
    test: "reproduce/ledger.test.ts",
    name: "rows are gone after a vacuum",
  },
  {
    what: "Rows that only a pin has are called gone.",
    file: "reproduce/reproduce.ts",
    find: "return { ...pinned, input, pin: name };",
    replace: "continue;",
    test: "reproduce/ledger.test.ts",
    name: "from a pin once the version is gone",
  },
  {
    what: "What a model's shell started goes on when it is stopped.",
    file: "run-model.ts",
    find: "process.kill(-pid",
    replace: "process.kill(pid",
    test: "reproduce/ledger.test.ts",
    name: "stops a command that hangs",
  },
  {
    what: "What a function says of one row is compared as an array of one prediction.",
    file: "reproduce/reproduce.ts",
    find: "given.rows.length === 1 ? first",
    replace: "given.lines.length === 1 ? first",
    test: "reproduce/ledger.test.ts",
    name: "says of the only row",
  },
];
