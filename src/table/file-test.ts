import type { AddAction, MetadataAction } from "../log/actions.ts";
import type { Predicate } from "../log/predicate.ts";

/** Whether `file` may hold a row that matches; `true` wherever its partition values cannot exclude it. */
export function fileMayMatch(_predicate: Predicate, _file: AddAction, _metadata: MetadataAction): boolean {
  return true;
}
