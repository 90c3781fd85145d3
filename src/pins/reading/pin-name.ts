import { VarveError } from "../../errors.ts";

const folder = "_pins";
const allowed = /^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$/;
/** What `path@…` and `VERSION AS OF …` take for a version or a time. */
const versionLike = /^(?:v?\d+|latest|\d{4}-\d{2}-\d{2}.*)$/i;

/** Folder below the table in which all pins are. */
export const pinsPrefix = `${folder}/`;

/** Folder of a pin below its table. */
export function pinFolder(name: string): string {
  return `${folder}/${name}`;
}

/** The table and the name of a pin whose folder a URI or path names; `undefined` for another folder. */
export function pinOfFolder(uri: string): { readonly table: string; readonly name: string } | undefined {
  const [, table, name] = /^(.+)\/_pins\/([^/]+)\/*$/s.exec(uri) ?? [];
  return table === undefined || name === undefined ? undefined : { table, name };
}

/** Whether a text can be the name of a pin. */
export function isPinName(text: string): boolean {
  return allowed.test(text) && !versionLike.test(text);
}

/** Refuses what cannot be the name of a pin; names are untrusted. @throws `INVALID_ARGUMENT` */
export function requirePinName(name: unknown): asserts name is string {
  const refused = (why: string): VarveError =>
    new VarveError("INVALID_ARGUMENT", `Invalid pin name ${JSON.stringify(name) ?? typeof name}: ${why}.`, {
      name: typeof name === "string" ? name : typeof name,
    });
  if (typeof name !== "string") throw refused("a name must be text");
  if (!allowed.test(name))
    throw refused(
      "a name has 1 to 128 of the characters A-Z a-z 0-9 . _ - and begins with a letter or digit. Choose another name",
    );
  if (versionLike.test(name))
    throw refused("it reads like a version or a time. Choose another name, such as model-7");
}
