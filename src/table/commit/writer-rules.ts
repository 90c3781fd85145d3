import { VarveError } from "../../errors.ts";
import type { Action, MetadataAction, ProtocolAction } from "../../protocol/actions.ts";
import { knownSystemDomains } from "../../protocol/domains.ts";
import { isFeatureActive, supportedWriterFeatures } from "../../protocol/features.ts";
import { type CommitRequest, type CommitState, singleAction } from "./commit-request.ts";
import { assignsRowIds } from "./row-ids.ts";

interface TableRules {
  readonly protocol: ProtocolAction;
  readonly metadata: MetadataAction;
  readonly before: CommitState;
}

/**
 * Checks the actions of a commit against what the table's features require of writers; called again for each
 * state that the commit is rebased on. PROTOCOL.md "Append-only Tables", "Writer Requirements for Domain
 * Metadata" and "Supported Features".
 *
 * @throws `TABLE_APPEND_ONLY`, `UNSUPPORTED_FEATURE`, `INVALID_ARGUMENT`
 */
export function checkWriterRules(request: CommitRequest, state: CommitState): void {
  const protocol = singleAction(request.actions, "protocol") ?? state.protocol;
  const metadata = singleAction(request.actions, "metaData") ?? state.metadata;
  const rules: TableRules = { protocol, metadata, before: state };
  for (const action of request.actions) checkAction(action, rules);
}

function checkAction(action: Action, rules: TableRules): void {
  switch (action.kind) {
    case "remove":
      if (action.dataChange && isFeatureActive("appendOnly", rules.protocol, rules.metadata))
        throw appendOnly(action.path);
      return;
    case "add":
      if (action.deletionVector !== undefined)
        requireFeature("deletionVectors", "a file with a deletion vector", rules);
      if (action.baseRowId !== undefined && !assignsRowIds(rules))
        requireFeature("rowTracking", "a file with row ids", rules);
      return;
    case "cdc":
      if (!isFeatureActive("changeDataFeed", rules.protocol, rules.metadata))
        throw missing("changeDataFeed", "a change data file", "is not enabled");
      return;
    case "domainMetadata":
      requireFeature("domainMetadata", `the domain ${action.domain}`, rules);
      if (action.domain.startsWith("delta.") && !knownSystemDomains.has(action.domain)) {
        throw new VarveError(
          "INVALID_ARGUMENT",
          `Cannot change the domain ${action.domain}: it belongs to the Delta protocol, and varve does not know its rules.`,
          {
            domain: action.domain,
          },
        );
      }
      return;
    default:
      return;
  }
}

function requireFeature(name: string, what: string, rules: TableRules): void {
  if (!supportedWriterFeatures(rules.protocol).has(name))
    throw missing(name, what, "is not listed in the table's protocol");
}

function missing(name: string, what: string, state: string): VarveError {
  return new VarveError(
    "UNSUPPORTED_FEATURE",
    `The commit contains ${what}, but the table feature ${name} ${state}. Enable it first.`,
    {
      features: [name],
    },
  );
}

function appendOnly(path: string): VarveError {
  return new VarveError(
    "TABLE_APPEND_ONLY",
    `The table is append-only (delta.appendOnly is true), but this operation removes rows in ${path}. To allow it, set the property to false first.`,
    { path },
  );
}
