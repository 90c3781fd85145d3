import { matchesGlob } from "node:path";

/** Source files that are mutated together, and the tests that are asked to notice. */
export interface MutationGroup {
  readonly name: string;
  /** Globs of source files. */
  readonly sources: readonly string[];
  /**
   * Globs of test files: those that guard these sources and run in one process. They are asked in this order,
   * so that what takes long is asked only of mutants that nothing before it noticed.
   */
  readonly tests: readonly string[];
}

/** The one list to change when folders move. */
export const mutationGroups: readonly MutationGroup[] = [
  {
    name: "table/commit",
    sources: ["src/table/commit/*.ts"],
    tests: [
      "test/table/{commit-*,conflict,rebase,transaction,log-maintenance,write-requirements,writer-features,writer-rules,feature-matrix}.test.ts",
      "test/simulation/**",
    ],
  },
  {
    name: "protocol tables",
    sources: [
      "src/protocol/{features,obstacles,properties,property-values,set-properties,domains}.ts",
      "src/schema/column-metadata.ts",
    ],
    tests: [
      "test/protocol/**",
      "test/schema/schema-parts.test.ts",
      "test/log/features.test.ts",
      "test/operations/definition/{properties,alter}.test.ts",
      "test/table/{writer-features,feature-matrix,write-requirements,commit-content,conflict}.test.ts",
    ],
  },
  {
    name: "storage",
    // Not `conformance`: it is a test, handed to those who write a store of their own.
    sources: ["src/storage/*.ts", "src/storage/{contract,local,memory,s3}/**/*.ts"],
    tests: [
      "test/storage/**",
      "test/contract/{object,s3}-store.test.ts",
      "test/operations/leftovers.test.ts",
    ],
  },
  {
    name: "engine fences",
    sources: ["src/engine/fence/*.ts", "src/engine/session/*.ts", "src/engine/core/instance-pool.ts"],
    tests: [
      "test/engine/{fence/*,stage/variant-sorting,stage/stage-sql}.test.ts",
      "test/engine/{session,instance-pool,idle-instances,json-lines,row-stream,parquet-write}.test.ts",
      "test/query/**",
      "test/operations/definition/write-rules.test.ts",
    ],
  },
  {
    name: "log",
    sources: ["src/log/**/*.ts"],
    tests: [
      "test/log/**",
      "test/table/{log-maintenance,transaction,scan}.test.ts",
      "test/property/{pruning-engine,replay}.test.ts",
      "test/conformance/**",
    ],
  },
  {
    name: "quality/gate",
    sources: ["src/quality/gate/*.ts"],
    tests: [
      "test/quality/{gate*,checks,check-report,define,verdict,ascii-pattern,tiny-values}.test.ts",
      "test/property/gate-partition.test.ts",
      "test/operations/{sources/broken-lines,check,quarantine/quarantine,quarantine/quarantine-write,quarantine/repair,write-first,sources/write-variants}.test.ts",
    ],
  },
];

/**
 * Tests that start processes or look at the built package: they do not see a mutant, or cost minutes each.
 */
export const testsLeftOut: readonly string[] = [
  "test/interop/**",
  "test/fixtures/**",
  "test/contract/ceph.test.ts",
  "test/log/hostile-log.test.ts",
];

/** Where a test file (its path below the root) stands among those of a group: by the first glob that matches it. */
export function testRank(group: MutationGroup, path: string): number {
  return group.tests.findIndex((glob) => matchesGlob(path, glob));
}

/** @throws Error where there is no such group */
export function mutationGroup(name: string): MutationGroup {
  const group = mutationGroups.find(
    (candidate) => candidate.name === name || candidate.name.split(/[/ ]/).includes(name),
  );
  if (group !== undefined) return group;
  throw new Error(
    `There is no group "${name}". The groups are: ${mutationGroups.map((known) => known.name).join(", ")}.`,
  );
}
