import fs from "node:fs";
import fsPromises, { type FileHandle } from "node:fs/promises";
import { syncBuiltinESMExports } from "node:module";
import { dirname, join } from "node:path";

/**
 * What was done to a file or folder, by its path below the recorded folder, in the order in which the calls
 * returned.
 */
export type DiskEvent =
  | { readonly kind: "file"; readonly path: string; readonly bytes: Uint8Array }
  | { readonly kind: "flush"; readonly path: string; readonly bytes: Uint8Array }
  | { readonly kind: "folder"; readonly path: string }
  | { readonly kind: "flush folder"; readonly path: string }
  | { readonly kind: "link"; readonly from: string; readonly path: string }
  | { readonly kind: "rename"; readonly from: string; readonly path: string; readonly bytes: Uint8Array }
  | { readonly kind: "remove"; readonly path: string }
  /** Something was promised to a caller. */
  | { readonly kind: "promise"; readonly text: string };

/** A recording of everything that a piece of work does below a folder. */
export interface DiskRecording {
  readonly events: DiskEvent[];
  stop(): void;
}

/**
 * Records the calls of `node:fs/promises` that change something below a folder, until it is stopped.
 *
 * What the engine writes by itself counts as written but not flushed, from when a call of ours names its
 * file.
 *
 * @param renames what to do before a file is renamed; it may throw as the operating system would
 */
export function recordDisk(
  root: string,
  renames: (from: string, to: string) => void = () => undefined,
): DiskRecording {
  const events: DiskEvent[] = [];
  const inside = (path: unknown): path is string => typeof path === "string" && path.startsWith(`${root}/`);
  const short = (path: string) => path.slice(root.length + 1);
  const original = { ...fsPromises };
  const replaced = {
    open: async (...args: Parameters<typeof original.open>): Promise<FileHandle> => {
      const handle = await original.open(...args);
      const [path, flags = "r"] = args;
      if (typeof path !== "string" || !(inside(path) || path === root)) return handle;
      const content = () => fs.readFileSync(path);
      if (flags !== "r") events.push({ kind: "file", path: short(path), bytes: content() });
      const { writeFile, sync } = handle;
      handle.writeFile = async (...written: Parameters<typeof writeFile>) => {
        await writeFile.apply(handle, written);
        events.push({ kind: "file", path: short(path), bytes: content() });
      };
      handle.sync = async () => {
        const isFolder = (await handle.stat()).isDirectory();
        const bytes = isFolder ? undefined : content();
        await sync.call(handle);
        events.push(
          bytes === undefined
            ? { kind: "flush folder", path: short(path) }
            : { kind: "flush", path: short(path), bytes },
        );
      };
      return handle;
    },
    mkdir: async (path: string, options?: { recursive?: boolean }) => {
      const first = await original.mkdir(path, options);
      const made: string[] = [];
      const top = options?.recursive === true ? first : path;
      for (let folder = path; top !== undefined && folder.length >= top.length; folder = dirname(folder))
        made.unshift(folder);
      for (const folder of made) if (inside(folder)) events.push({ kind: "folder", path: short(folder) });
      return first;
    },
    link: async (from: string, to: string) => {
      await original.link(from, to);
      if (inside(to)) events.push({ kind: "link", from: short(from), path: short(to) });
    },
    rename: async (from: string, to: string) => {
      renames(from, to);
      await original.rename(from, to);
      if (inside(to))
        events.push({ kind: "rename", from: short(from), path: short(to), bytes: fs.readFileSync(to) });
    },
    copyFile: async (from: string, to: string, mode?: number) => {
      await original.copyFile(from, to, mode);
      if (inside(to)) events.push({ kind: "file", path: short(to), bytes: fs.readFileSync(to) });
    },
    unlink: async (path: string) => {
      await original.unlink(path);
      if (inside(path)) events.push({ kind: "remove", path: short(path) });
    },
    rm: async (path: string, options?: Parameters<typeof original.rm>[1]) => {
      await original.rm(path, options);
      if (inside(path)) events.push({ kind: "remove", path: short(path) });
    },
  };
  const put = (functions: object) => {
    for (const [name, value] of Object.entries(functions)) Reflect.set(fsPromises, name, value);
    syncBuiltinESMExports();
  };
  put(replaced);
  return { events, stop: () => put(original) };
}

interface FileNode {
  readonly kind: "file";
  bytes: Uint8Array;
  flushed: Uint8Array;
}

interface FolderNode {
  readonly kind: "folder";
  readonly entries: Map<string, DiskNode>;
  flushed: ReadonlyMap<string, DiskNode>;
}

type DiskNode = FileNode | FolderNode;

/** What of the things that were not flushed a power cut leaves; by name, so that a run can be repeated. */
export interface Survival {
  readonly name: string;
  /** Whether a change of a folder that was not flushed is on the disk. */
  readonly keepsName: (path: string) => boolean;
  /**
   * Whether the bytes of a file that were not flushed are on the disk; if not, it is as when it was flushed
   * last, or empty.
   */
  readonly keepsBytes: (path: string) => boolean;
}

/** The two ends of what file systems do, and two mixtures by the path's hash. */
export const survivals: readonly Survival[] = [
  { name: "nothing that was not flushed", keepsName: () => false, keepsBytes: () => false },
  { name: "names without contents", keepsName: () => true, keepsBytes: () => false },
  {
    name: "half of it",
    keepsName: (path) => hash(path) % 2 === 0,
    keepsBytes: (path) => hash(path) % 3 === 0,
  },
  {
    name: "the other half of it",
    keepsName: (path) => hash(path) % 2 === 1,
    keepsBytes: (path) => hash(path) % 3 === 1,
  },
];

/**
 * A disk that forgets what nobody flushed: a file's bytes are safe once the file was flushed, its name once
 * its folder was, and a folder's own name once its parent was.
 */
export class ForgetfulDisk {
  readonly #root: FolderNode = { kind: "folder", entries: new Map(), flushed: new Map() };

  apply(event: DiskEvent): void {
    switch (event.kind) {
      case "file": {
        const known = this.#find(event.path);
        if (known?.kind === "file") known.bytes = event.bytes;
        else this.#put(event.path, { kind: "file", bytes: event.bytes, flushed: new Uint8Array() });
        return;
      }
      case "flush": {
        const node = this.#file(event.path, event.bytes);
        node.bytes = event.bytes;
        node.flushed = event.bytes;
        return;
      }
      case "folder":
        this.#folder(event.path);
        return;
      case "flush folder": {
        const folder = this.#folder(event.path);
        folder.flushed = new Map(folder.entries);
        return;
      }
      case "link":
        this.#put(event.path, this.#file(event.from, new Uint8Array()));
        return;
      case "rename": {
        const node = this.#file(event.from, event.bytes);
        this.#remove(event.from);
        this.#put(event.path, node);
        return;
      }
      case "remove":
        this.#remove(event.path);
        return;
      case "promise":
        return;
    }
  }

  /** The files that are there after a power cut now, by their paths. */
  afterPowerCut(survival: Survival): ReadonlyMap<string, Uint8Array> {
    const found = new Map<string, Uint8Array>();
    const visit = (folder: FolderNode, prefix: string): void => {
      for (const name of new Set([...folder.entries.keys(), ...folder.flushed.keys()])) {
        const path = `${prefix}${name}`;
        const node = (survival.keepsName(path) ? folder.entries : folder.flushed).get(name);
        if (node?.kind === "folder") visit(node, `${path}/`);
        else if (node !== undefined) found.set(path, survival.keepsBytes(path) ? node.bytes : node.flushed);
      }
    };
    visit(this.#root, "");
    return found;
  }

  #find(path: string): DiskNode | undefined {
    let node: DiskNode | undefined = this.#root;
    for (const name of path === "" ? [] : path.split("/"))
      node = node?.kind === "folder" ? node.entries.get(name) : undefined;
    return node;
  }

  /** A file; one that the engine wrote by itself is met here for the first time. */
  #file(path: string, bytes: Uint8Array): FileNode {
    const known = this.#find(path);
    if (known?.kind === "file") return known;
    const node: FileNode = { kind: "file", bytes, flushed: new Uint8Array() };
    this.#put(path, node);
    return node;
  }

  #folderOf(path: string): FolderNode {
    const parent = dirname(path);
    return this.#folder(parent === "." ? "" : parent);
  }

  /**
   * A folder; one that the engine made is met here for the first time, and so is one that was made by a call
   * that has not returned yet, while another already uses it.
   */
  #folder(path: string): FolderNode {
    const known = this.#find(path);
    if (known?.kind === "folder") return known;
    const made: FolderNode = { kind: "folder", entries: new Map(), flushed: new Map() };
    this.#put(path, made);
    return made;
  }

  #put(path: string, node: DiskNode): void {
    this.#folderOf(path).entries.set(path.slice(path.lastIndexOf("/") + 1), node);
  }

  #remove(path: string): void {
    this.#folderOf(path).entries.delete(path.slice(path.lastIndexOf("/") + 1));
  }
}

/** Writes files as they survived below a folder. */
export function restore(folder: string, files: ReadonlyMap<string, Uint8Array>): void {
  for (const [path, bytes] of files) {
    const target = join(folder, path);
    fs.mkdirSync(dirname(target), { recursive: true });
    fs.writeFileSync(target, bytes);
  }
}

function hash(text: string): number {
  let value = 2166136261;
  for (const character of text) value = Math.imul(value ^ (character.codePointAt(0) ?? 0), 16777619);
  return value >>> 8;
}
