import { basename } from "node:path";
import { isJsonObject, type JsonValue } from "../util/json.ts";
import type { Artifact } from "./artifact.ts";
import { canonicalJson, type RunInput, type RunRecord } from "./run-record.ts";

/** Something that two runs were given differently. */
export interface RunChange {
  readonly what: "input" | "git" | "code" | "parameter" | "seed" | "lockFile" | "package" | "environment";
  readonly name: string;
  /** As text; `null` where one of the runs had none. */
  readonly before: string | null;
  readonly after: string | null;
  /** Of an input with two versions of one table: these, as their pins keep them, for `drift` to compare. */
  readonly sources?: readonly [before: string, after: string] | undefined;
  /** Whether both versions have the same rows, if both runs recorded fingerprints of them. */
  readonly sameRows?: boolean | undefined;
}

/** What is different between two runs that may explain their results: inputs first, then code, then the rest. */
export function runDifferences(before: RunRecord, after: RunRecord): readonly RunChange[] {
  return [
    ...inputChanges(before.inputs, after.inputs),
    ...changed("git", gitTexts(before), gitTexts(after)),
    ...changed("code", codeTexts(before.code), codeTexts(after.code)),
    ...changed("parameter", memberTexts(before.params, "params"), memberTexts(after.params, "params")),
    ...changed("seed", memberTexts(before.seed, "seed"), memberTexts(after.seed, "seed")),
    ...changed("lockFile", lockTexts(before), lockTexts(after)),
    ...changed("package", before.environment.packages, after.environment.packages),
    ...changed("environment", environmentTexts(before), environmentTexts(after)),
  ];
}

function inputChanges(before: readonly RunInput[], after: readonly RunInput[]): RunChange[] {
  const earlier = new Map(before.map((input) => [input.name, input]));
  const later = new Map(after.map((input) => [input.name, input]));
  return [...new Set([...earlier.keys(), ...later.keys()])].flatMap((name) => {
    const [old, now] = [earlier.get(name), later.get(name)];
    if (old?.tableId === now?.tableId && old?.version === now?.version) return [];
    const isSameTable = old?.tableId === now?.tableId;
    const change = {
      what: "input",
      name,
      before: versionText(old, isSameTable),
      after: versionText(now, isSameTable),
    } as const;
    if (old === undefined || now === undefined || !isSameTable) return [change];
    const [rows, rowsNow] = [old.contentFingerprint, now.contentFingerprint];
    return [
      {
        ...change,
        sources: [`${old.table}@${old.pin}`, `${now.table}@${now.pin}`],
        sameRows: rows === undefined || rowsNow === undefined ? undefined : rows === rowsNow,
      },
    ];
  });
}

function versionText(input: RunInput | undefined, isSameTable: boolean): string | null {
  if (input === undefined) return null;
  return isSameTable ? `v${input.version}` : `${input.table}@v${input.version}`;
}

type Texts = Readonly<Record<string, string>>;

function changed(what: RunChange["what"], before: Texts, after: Texts): RunChange[] {
  return [...new Set([...Object.keys(before), ...Object.keys(after)])]
    .filter((name) => own(before, name) !== own(after, name))
    .map((name) => ({ what, name, before: own(before, name), after: own(after, name) }));
}

/** Names come from the caller: `constructor` is one like any other. */
function own(texts: Texts, name: string): string | null {
  return Object.hasOwn(texts, name) ? (texts[name] ?? null) : null;
}

function gitTexts({ environment: { git } }: RunRecord): Texts {
  if (git === null) return {};
  const { commit, diffHash, untrackedHash } = git;
  return {
    commit,
    ...(diffHash === undefined ? {} : { "uncommitted changes": diffHash }),
    ...(untrackedHash === undefined ? {} : { "untracked files": untrackedHash }),
  };
}

function codeTexts(code: Artifact | undefined): Texts {
  if (code === undefined) return {};
  const { name, version, file, hash } = code;
  const text = [version, hash].filter((part) => part !== undefined).join(", ");
  return { [name ?? basename(file ?? "code")]: text };
}

/** The members of an object as JSON, or the value as a whole. */
function memberTexts(value: JsonValue | undefined, name: string): Texts {
  if (value === undefined) return {};
  if (!isJsonObject(value)) return { [name]: canonicalJson(value) };
  return Object.fromEntries(Object.entries(value).map(([key, member]) => [key, canonicalJson(member)]));
}

/** By name alone: another checkout of the same code lies in another folder. */
function lockTexts({ environment: { lockFiles } }: RunRecord): Texts {
  return Object.fromEntries(lockFiles.map(({ file, hash }) => [basename(file), hash]));
}

function environmentTexts({ environment: { node, platform, variables, given } }: RunRecord): Texts {
  return { ...variables, ...memberTexts(given, "given"), Node: node, platform };
}
