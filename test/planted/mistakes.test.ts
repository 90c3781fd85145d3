import { resolve } from "node:path";
import { expect, it } from "vitest";
import { listFaults } from "./mistake.ts";
import { mistakes } from "./mistakes.ts";

it("every planted mistake still has its place in the source and its test: a mistake that cannot be planted proves nothing", () => {
  expect(listFaults(mistakes, resolve(import.meta.dirname, "../.."))).toEqual([]);
});
