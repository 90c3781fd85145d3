import { readFileSync } from "node:fs";
import { join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import {
  type Expression,
  type Node,
  NodeFlags,
  type ReturnStatement,
  type SourceFile,
  type Statement,
  SyntaxKind,
} from "typescript/unstable/ast";
import {
  isAwaitExpression,
  isBlock,
  isReturnStatement,
  isTryStatement,
  isVariableStatement,
} from "typescript/unstable/ast/is";
import { API, type Checker, type Type, TypeFlags, type UnionType } from "typescript/unstable/sync";
import { expect, it } from "vitest";

const root = fileURLToPath(new URL("../..", import.meta.url));

const functions: ReadonlySet<SyntaxKind> = new Set([
  SyntaxKind.ArrowFunction,
  SyntaxKind.Constructor,
  SyntaxKind.FunctionDeclaration,
  SyntaxKind.FunctionExpression,
  SyntaxKind.GetAccessor,
  SyntaxKind.MethodDeclaration,
]);

const declaresResource = (statement: Statement): boolean =>
  isVariableStatement(statement) && (statement.declarationList.flags & NodeFlags.Using) === NodeFlags.Using;

/** Whether what was declared by `using`, or a `finally`, ends once this statement is done. */
function endsSomething(statement: ReturnStatement): boolean {
  for (
    let node: Node = statement;
    !functions.has(node.kind) && node.parent !== undefined;
    node = node.parent
  ) {
    const { parent } = node;
    if (isTryStatement(parent) && parent.finallyBlock !== undefined && node !== parent.finallyBlock)
      return true;
    if (!isBlock(parent)) continue;
    const place = parent.statements.indexOf(node as Statement);
    if (parent.statements.slice(0, place).some(declaresResource)) return true;
  }
  return false;
}

interface Returned {
  /** Without its `await`. */
  readonly value: Expression;
  readonly isAwaited: boolean;
}

/** What the file returns out of a block whose end closes something. */
function returned(file: SourceFile): Returned[] {
  const found: Returned[] = [];
  const visit = (node: Node): void => {
    if (isReturnStatement(node) && node.expression !== undefined && endsSomething(node)) {
      const { expression } = node;
      const isAwaited = isAwaitExpression(expression);
      found.push({ value: isAwaited ? expression.expression : expression, isAwaited });
    }
    node.forEachChild(visit);
  };
  visit(file);
  return found;
}

function isPromise(type: Type | undefined, checker: Checker): boolean {
  if (type === undefined) return false;
  const parts = (type.flags & TypeFlags.Union) === 0 ? [type] : (type as UnionType).getTypes();
  return parts.some((part) => checker.getPropertyOfType(part, "then") !== undefined);
}

const lineOf = (node: Node, file: SourceFile): number =>
  file.text.slice(0, node.getStart(file)).split("\n").length;

it("a promise is awaited before what it uses is closed", () => {
  const api = new API({ cwd: root });
  try {
    const [project] = api.updateSnapshot({ openProjects: [join(root, "tsconfig.json")] }).getProjects();
    if (project === undefined) throw new Error("The compiler finds no project.");
    const { checker, program } = project;
    const promises = program
      .getSourceFileNames()
      .filter((name) => !name.includes("/node_modules/"))
      .filter((name) => /\b(?:using|finally)\b/.test(readFileSync(name, "utf8")))
      .flatMap((name) => {
        const file = program.getSourceFile(name);
        if (file === undefined) throw new Error(`The compiler does not know ${name}.`);
        const found = returned(file);
        const types = checker.getTypeAtLocation(found.map(({ value }) => value));
        return found
          .filter((_, index) => isPromise(types[index], checker))
          .map(({ value, isAwaited }) => ({
            isAwaited,
            place: `${relative(root, name)}:${lineOf(value, file)}`,
          }));
      });
    expect(promises.filter(({ isAwaited }) => !isAwaited).map(({ place }) => place)).toEqual([]);
    // So promises are known as such.
    expect(promises.length).toBeGreaterThan(50);
  } finally {
    api.close();
  }
});
