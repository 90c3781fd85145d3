import type { ErrorCode } from "../errors.ts";

/** What an error of the operating system means that the same request would get again. */
export interface SystemRefusal {
  readonly code: Extract<ErrorCode, "STORE_FULL" | "STORE_FORBIDDEN" | "STORE_REFUSED">;
  /** Why, as a clause; with a remedy where there is one. */
  readonly why: string;
  /** The C library's text for the error, by which it is known where only a message is given. */
  readonly text?: RegExp;
}

const refusals: Readonly<Record<string, SystemRefusal>> = {
  ENOSPC: {
    code: "STORE_FULL",
    why: "the disk is full. Free some space, and repeat it",
    text: /No space left on device/,
  },
  EDQUOT: {
    code: "STORE_FULL",
    why: "the disk quota is used up. Free some space, and repeat it",
    text: /Disk quota exceeded/,
  },
  EACCES: {
    code: "STORE_FORBIDDEN",
    why: "the file permissions forbid it. Change them, and repeat it",
    text: /Permission denied/,
  },
  EPERM: {
    code: "STORE_FORBIDDEN",
    why: "the file system forbids it. Change its settings, and repeat it",
    text: /Operation not permitted/,
  },
  EROFS: {
    code: "STORE_FORBIDDEN",
    why: "the file system is read-only. Mount it for writing, and repeat it",
    text: /Read-only file system/,
  },
  ENAMETOOLONG: { code: "STORE_REFUSED", why: "the name is too long for this file system" },
  EEXIST: { code: "STORE_REFUSED", why: "a file is in the place of a folder" },
  ENOTDIR: { code: "STORE_REFUSED", why: "a file is in the place of a folder" },
  EISDIR: { code: "STORE_REFUSED", why: "a folder is in the place of a file" },
  ELOOP: { code: "STORE_REFUSED", why: "its symbolic links form a loop" },
};

/** The code of an operating system's error, such as `ENOSPC`. */
export function systemErrorCode(error: unknown): string | undefined {
  const code: unknown = error instanceof Error ? Reflect.get(error, "code") : undefined;
  return typeof code === "string" ? code : undefined;
}

/** What an operating system's error code means; `undefined` if the request may succeed later. */
export function systemRefusal(code: string | undefined): SystemRefusal | undefined {
  return code !== undefined && Object.hasOwn(refusals, code) ? refusals[code] : undefined;
}

/** The code for an error of the operating system at a file or folder that varve makes for its own use. */
export function refusalCode(error: unknown): SystemRefusal["code"] {
  return systemRefusal(systemErrorCode(error))?.code ?? "STORE_REFUSED";
}

/** The refusal that a message of another program reports, with the system's code for it. */
export function reportedRefusal(message: string): (SystemRefusal & { readonly system: string }) | undefined {
  const found = Object.entries(refusals).find(([, { text }]) => text?.test(message));
  return found === undefined ? undefined : { system: found[0], ...found[1] };
}
