import type {
  DomainMetadataAction,
  MetadataAction,
  ProtocolAction,
  TxnAction,
} from "../../protocol/actions.ts";
import type { HeadAction } from "../segment/commit-lines.ts";

/**
 * Result of replaying the actions that are not about files: the newest of each kind. PROTOCOL.md "Action
 * Reconciliation": protocol, metadata, transactions and domains. Removed domains are kept until the end.
 */
export interface HeadState {
  readonly protocol?: ProtocolAction | undefined;
  readonly metadata?: MetadataAction | undefined;
  readonly transactions: ReadonlyMap<string, TxnAction>;
  readonly domains: ReadonlyMap<string, DomainMetadataAction>;
}

/** Nothing replayed yet. */
export const emptyHead: HeadState = Object.freeze({ transactions: new Map(), domains: new Map() });

/** Replays actions in ascending order of versions over a state. */
export function replayHead(state: HeadState, actions: Iterable<HeadAction>): HeadState {
  let { protocol, metadata } = state;
  let transactions: Map<string, TxnAction> | undefined;
  let domains: Map<string, DomainMetadataAction> | undefined;
  for (const action of actions) {
    if (action.kind === "protocol") protocol = action;
    else if (action.kind === "metaData") metadata = action;
    else if (action.kind === "txn") {
      transactions ??= new Map(state.transactions);
      transactions.set(action.appId, action);
    } else if (action.kind === "domainMetadata") {
      domains ??= new Map(state.domains);
      domains.set(action.domain, action);
    }
  }
  return {
    protocol,
    metadata,
    transactions: transactions ?? state.transactions,
    domains: domains ?? state.domains,
  };
}

/** The domains, without removed ones. */
export function liveDomains(state: HeadState): ReadonlyMap<string, DomainMetadataAction> {
  return new Map([...state.domains].filter(([, action]) => !action.removed));
}
