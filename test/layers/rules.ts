/** A file of the source tree: its path below `src/`, and its text. */
export interface SourceFile {
  readonly path: string;
  readonly text: string;
}

/** A rule of the house that a file breaks. */
export interface Breach {
  readonly rule: string;
  readonly file: string;
  readonly detail: string;
}

/** The most files that one folder may hold. */
const folderLimit = 25;
/** The most lines that one file may have. */
const fileLimit = 600;

/**
 * The floors of the house, lowest first, as `spec/architecture.md` lists them: the only list there is.
 *
 * @returns the floor's number by folder (or by file, for a file directly below `src/`)
 */
export function readFloors(specification: string): ReadonlyMap<string, number> {
  const block = /```floors\n([\s\S]*?)```/.exec(specification)?.[1];
  if (block === undefined) throw new Error("spec/architecture.md has no block of floors.");
  const floors = new Map<string, number>();
  for (const [floor, line] of block.trim().split("\n").entries())
    for (const room of line.split(/\s+#/)[0]?.trim().split(/\s+/) ?? []) {
      if (floors.has(room)) throw new Error(`spec/architecture.md lists ${room} twice.`);
      floors.set(room, floor);
    }
  return floors;
}

/** The room that a file belongs to: its folder, or itself where it lies directly below `src/`. */
function roomOf(path: string): string {
  return path.includes("/") ? path.slice(0, path.lastIndexOf("/")) : path;
}

/** Every breach of every rule. */
export function findBreaches(files: readonly SourceFile[], floors: ReadonlyMap<string, number>): Breach[] {
  const rooms = new Set(files.map(({ path }) => roomOf(path)));
  return [
    ...[...rooms]
      .filter((room) => !floors.has(room))
      .map((room) => ({ rule: "listed", file: room, detail: "no floor lists this folder" })),
    ...[...floors.keys()]
      .filter((room) => !rooms.has(room))
      .map((room) => ({ rule: "listed", file: room, detail: "this folder is gone" })),
    ...files.flatMap((file) => [
      ...floorBreaches(file, floors),
      ...neighbourBreaches(file),
      ...textBreaches(file),
      ...sqlBreaches(file),
    ]),
    ...crowdedFolders(files),
    ...fileCycles(files),
  ];
}

/** Paths below `src/` that a file imports. */
function importsOf({ path, text }: SourceFile): string[] {
  const found = text.matchAll(/(?:\bfrom\s+|\bimport\s*\(?\s*)"(\.{1,2}\/[^"]+)"/g);
  return [...found].map((match) => resolvePath(path, match[1] ?? ""));
}

function resolvePath(from: string, target: string): string {
  const parts = from.split("/").slice(0, -1);
  for (const part of target.split("/")) {
    if (part === "..") parts.pop();
    else if (part !== ".") parts.push(part);
  }
  return parts.join("/");
}

/** A folder imports only from lower floors; folders of one floor do not import each other. */
function floorBreaches(file: SourceFile, floors: ReadonlyMap<string, number>): Breach[] {
  const from = roomOf(file.path);
  const own = floors.get(from) ?? Number.POSITIVE_INFINITY;
  return importsOf(file)
    .map(roomOf)
    .filter((room) => room !== from && (floors.get(room) ?? Number.POSITIVE_INFINITY) >= own)
    .map((room) => ({
      rule: "floors",
      file: file.path,
      detail: `imports ${room}, which is not on a lower floor`,
    }));
}

/** What a part of the house must not know, whatever the floors would allow. */
const strangers: readonly {
  readonly rule: string;
  readonly of: RegExp;
  readonly allowed: (target: string) => boolean;
}[] = [
  {
    rule: "cli sees the public face",
    of: /^cli\//,
    allowed: (target) => /^(api|report|cli)\/|^(index|suite|store|report)\.ts$/.test(target),
  },
  { rule: "quality knows no table", of: /^quality\//, allowed: (target) => !/^(log|table)\//.test(target) },
];

function neighbourBreaches(file: SourceFile): Breach[] {
  return strangers
    .filter(({ of }) => of.test(file.path))
    .flatMap(({ rule, allowed }) =>
      importsOf(file)
        .filter((target) => !allowed(target))
        .map((target) => ({ rule, file: file.path, detail: `imports ${target}` })),
    );
}

/** Packages and literals that belong behind one door. */
const doors: readonly { readonly rule: string; readonly holds: RegExp; readonly behind: RegExp }[] = [
  { rule: "one door to DuckDB", holds: /"@duckdb\//, behind: /^engine\// },
  { rule: "one door to S3", holds: /"@aws-sdk\//, behind: /^storage\/s3\// },
  { rule: "one maker of commits", holds: /\bcommit(Transaction|NewTable)\b/, behind: /^table\/commit\// },
  { rule: "properties by their table", holds: /["'`]delta\.\w/, behind: /^(protocol|schema)\// },
];

function textBreaches({ path, text }: SourceFile): Breach[] {
  const lines = text.split("\n").length;
  return [
    ...(lines > fileLimit ? [{ rule: "file length", file: path, detail: `${lines} lines` }] : []),
    ...doors
      .filter(({ holds, behind }) => holds.test(withoutComments(text)) && !behind.test(path))
      .map(({ rule, holds }) => ({
        rule,
        file: path,
        detail: `holds ${holds.exec(withoutComments(text))?.[0]}`,
      })),
  ];
}

/** A string or an untagged template that begins with a statement of SQL, and is not capitals only: Delta's operations. */
const plainStatement =
  /(?:["']|(?<!\bsql)`)(?![A-Z ]+["'])\s*\(*(?:SELECT|WITH|VALUES|CREATE|ALTER|INSERT|UPDATE|DELETE|COPY|ATTACH|DETACH|DROP|DESCRIBE|EXPLAIN|SET|USE) /;
/** What takes a plain string for SQL, and the folders whose work that is: the quoters, and the check of callers' texts. */
const takenForSql = /\bas Sql(?:Name|Expression|Statement|Select|Text)\b/;
const makersOfSql = /^(?:sql|engine\/fence)\//;

/** Statements that are not written with the `sql` tag, and strings that are taken for SQL. */
export function sqlBreaches({ path, text }: SourceFile): Breach[] {
  const code = withoutComments(text);
  if (path.startsWith("cli/")) return [];
  const found = plainStatement.exec(code) ?? (makersOfSql.test(path) ? undefined : takenForSql.exec(code));
  return found ? [{ rule: "SQL by its tag", file: path, detail: `holds ${found[0]}` }] : [];
}

function withoutComments(text: string): string {
  return text.replace(/\/\*[\s\S]*?\*\//g, "").replace(/^\s*\/\/.*$/gm, "");
}

function crowdedFolders(files: readonly SourceFile[]): Breach[] {
  const sizes = new Map<string, number>();
  for (const { path } of files) sizes.set(roomOf(path), (sizes.get(roomOf(path)) ?? 0) + 1);
  return [...sizes]
    .filter(([, size]) => size > folderLimit)
    .map(([room, size]) => ({ rule: "folder size", file: room, detail: `${size} files` }));
}

function fileCycles(files: readonly SourceFile[]): Breach[] {
  const edges = new Map(files.map((file) => [file.path, importsOf(file)]));
  const state = new Map<string, "open" | "done">();
  const cycles: Breach[] = [];
  const visit = (file: string, trail: readonly string[]): void => {
    if (state.get(file) === "done") return;
    if (state.get(file) === "open") {
      cycles.push({
        rule: "no cycle",
        file,
        detail: [...trail.slice(trail.indexOf(file)), file].join(" > "),
      });
      return;
    }
    state.set(file, "open");
    for (const next of edges.get(file) ?? []) visit(next, [...trail, file]);
    state.set(file, "done");
  };
  for (const file of edges.keys()) visit(file, []);
  return cycles;
}
