import { shownNumber } from "../../api/counted.ts";
import { visible } from "../../report/visible-text.ts";

/** A line of a tree, and the lines below it. */
export interface TreeNode {
  /** May hold any text: what a terminal would interpret is escaped, and it stays one line. */
  readonly text: string;
  readonly children?: readonly TreeNode[] | undefined;
  /** Number of further children that are not listed. */
  readonly hidden?: number | undefined;
}

/** Characters of a node's text before it is cut. */
const longestText = 400;

/** Draws a tree, a node a line. */
export function treeText(root: TreeNode): string {
  return [lineOf(root), ...childLines(root)].join("\n");
}

function lineOf({ text }: TreeNode): string {
  const line = visible(text);
  return line.length <= longestText ? line : `${line.slice(0, longestText).replace(/[\ud800-\udbff]$/, "")}…`;
}

function childLines({ children = [], hidden = 0 }: TreeNode): string[] {
  const all = hidden > 0 ? [...children, { text: `… and ${shownNumber(hidden)} more` }] : children;
  return all.flatMap((child, index) => {
    const isLast = index === all.length - 1;
    const below = childLines(child).map((line) => `${isLast ? "   " : "│  "}${line}`);
    return [`${isLast ? "└─ " : "├─ "}${lineOf(child)}`, ...below];
  });
}
