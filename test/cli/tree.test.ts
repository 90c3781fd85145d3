import { expect, it } from "vitest";
import { treeText } from "../../src/cli/shared/tree.ts";

it("a tree has a line for each node, whatever its text is", () => {
  const evil = "x\n└─ forged\u001b[2J";
  const children = [{ text: evil, children: [{ text: "leaf" }] }, { text: "y".repeat(500) }];
  expect(treeText({ text: evil, children, hidden: 3 }).split("\n")).toEqual([
    "x\\n└─ forged\\u001b[2J",
    "├─ x\\n└─ forged\\u001b[2J",
    "│  └─ leaf",
    `├─ ${"y".repeat(400)}…`,
    "└─ … and 3 more",
  ]);
});
