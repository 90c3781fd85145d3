import { castRules } from "../../../src/dialects/spark/casts.ts";
import type { Form, Rule, Term, TypeKind } from "../../../src/dialects/spark/term.ts";
import { rules, translateSpark } from "../../../src/dialects/spark/translate.ts";
import { isVarveError } from "../../../src/errors.ts";
import { composites, partialComposites } from "./composites.ts";
import { columnsIn, type GridType, gridSchema, gridTypes, sparkTypeName } from "./grid.ts";

/** An expression of Spark over the grid, its translation, and where it is not proved for all values. */
export interface Proof {
  readonly rule: string;
  readonly expression: string;
  readonly columns: readonly string[];
  readonly term: Term;
  readonly domain: string | undefined;
}

/**
 * Proofs of every rule, form and combination of types that the translation covers, from the tables
 * themselves.
 */
export function allProofs(): Proof[] {
  const found = [
    ...rules.flatMap(ruleProofs),
    ...castProofs(),
    ...composites.map((text) => ({ rule: "composites", text, domain: undefined })),
    ...partialComposites.map((text) => ({ rule: "composites", text, domain: "that of its parts" })),
  ];
  const seen = new Set<string>();
  return found.flatMap(({ rule, text, domain }): Proof[] => {
    if (seen.has(text)) return [];
    seen.add(text);
    const term = translated(text);
    if (term === undefined && rule === "composites") throw new Error(`${text} is not translated`);
    return term === undefined ? [] : [{ rule, expression: text, columns: columnsIn(text), term, domain }];
  });
}

interface Sketch {
  readonly rule: string;
  readonly text: string;
  readonly domain: string | undefined;
}

function ruleProofs({ names, forms, spell }: Rule): Sketch[] {
  return names.flatMap((name) =>
    forms.flatMap((form) =>
      argumentLists(form).map(
        (args): Sketch => ({
          rule: names[0] ?? name,
          text: (spell ?? call)(name, args),
          domain: form.domain,
        }),
      ),
    ),
  );
}

const call = (name: string, args: readonly string[]): string => `${name}(${args.join(", ")})`;

/**
 * All types for the first two arguments; those after the second have its type, so that the number stays
 * within bounds.
 */
function argumentLists({ takes, repeats }: Form): string[][] {
  const parameters =
    repeats === true ? [...takes, takes.at(-1)].filter((parameter) => parameter !== undefined) : takes;
  let lists: { readonly args: readonly string[]; readonly kinds: readonly string[] }[] = [
    { args: [], kinds: [] },
  ];
  for (const [index, { kinds, constants }] of parameters.entries()) {
    const choices =
      constants?.map((text) => [text, text] as const) ?? kinds.flatMap((kind) => columnsFor(kind, index + 1));
    lists = lists.flatMap(({ args, kinds: before }) =>
      choices
        .filter(
          ([, kind]) =>
            index < 2 ||
            kind === before[index - 1] ||
            !choices.some(([, other]) => other === before[index - 1]),
        )
        .map(([text, kind]) => ({ args: [...args, text], kinds: [...before, kind] })),
    );
  }
  return lists.map(({ args }) => [...args]);
}

function columnsFor(kind: TypeKind, number: number): (readonly [string, string])[] {
  if (kind === "void") return [["NULL", "NULL"]];
  return typesOf(kind).map(({ name }) => [`${name}_${number}`, name]);
}

const typesOf = (kind: TypeKind): GridType[] => gridTypes.filter((type) => type.kind === kind);

function castProofs(): Sketch[] {
  return castRules.flatMap(({ from, to, domain }) =>
    from.flatMap(typesOf).flatMap(({ name }) =>
      to.flatMap(typesOf).map(
        (target): Sketch => ({
          rule: "cast",
          text: `CAST(${name}_1 AS ${sparkTypeName(target.type)})`,
          domain,
        }),
      ),
    ),
  );
}

function translated(text: string): Term | undefined {
  try {
    return translateSpark(text, gridSchema);
  } catch (error) {
    if (isVarveError(error, "UNSUPPORTED_FEATURE")) return undefined;
    throw error;
  }
}
