import type { AddAction } from "../protocol/actions.ts";
import { pathsOf } from "../protocol/named-paths.ts";
import type { ObjectStore } from "../storage/contract/object-store.ts";
import { sumOf } from "../util/sum.ts";
import type { PinKeep } from "./reading/pin-record.ts";

/** What it costs to keep the files of a version. */
export interface PinCost {
  /** Data files and files of deletion vectors that are copied, and the bytes of the data files. */
  readonly filesCopied: number;
  readonly bytesCopied: number;
  /** The same of files that get a second name where disks allow it, which takes no space. */
  readonly filesLinked: number;
  readonly bytesLinked: number;
  /** Requests for these files to a store over the network, without the parts of files above 5 GB. */
  readonly requests: number;
}

/** Requests for a file: two looks and a copy, or a look before the commit and one after it. */
const requestsOf = { files: 3, reference: 2 } as const;

/** What each way to keep files costs. */
export function pinCosts(
  { linkFrom, localPath }: ObjectStore,
  files: readonly AddAction[],
): Readonly<Record<PinKeep, PinCost>> {
  const [count, bytes] = [new Set(files.flatMap(pathsOf)).size, sumOf(files, ({ size }) => size)];
  const requests = (keep: PinKeep): number => (localPath === undefined ? count * requestsOf[keep] : 0);
  const nothing = { filesCopied: 0, bytesCopied: 0, filesLinked: 0, bytesLinked: 0 };
  const own =
    linkFrom === undefined
      ? { ...nothing, filesCopied: count, bytesCopied: bytes }
      : { ...nothing, filesLinked: count, bytesLinked: bytes };
  return {
    files: { ...own, requests: requests("files") },
    reference: { ...nothing, requests: requests("reference") },
  };
}
