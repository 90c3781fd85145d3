import type { ErrorCode } from "../../src/errors.ts";

/** The typed error with which each table that must be refused is refused. */
export const refusals: Readonly<Record<string, ErrorCode>> = {
  "delta-rs-data--simple_table_features": "UNSUPPORTED_PROTOCOL",
  "delta-rs-errlogs--table_c": "LOG_GAP",
  "delta-rs-errlogs--table_d": "UNSUPPORTED_FEATURE",
  "delta-rs-errlogs--table_e": "UNSUPPORTED_FEATURE",
  "delta-rs-errlogs--table_h": "UNSUPPORTED_FEATURE",
  "delta-rs-errlogs--table_i": "UNSUPPORTED_FEATURE",
  "kernel-java-test--catalog-owned-preview": "CATALOG_MANAGED",
  "kernel-rs-data--crc-malformed": "NOT_A_TABLE",
  "kernel-rs-data--table-with-geo": "UNSUPPORTED_FEATURE",
  "kernel-rs-uc--catalog_managed_0": "CATALOG_MANAGED",
  "spark-golden--data-reader-absolute-paths-escaped-chars": "LOG_CORRUPT",
  "spark-golden--deltalog-invalid-protocol-version": "UNSUPPORTED_PROTOCOL",
  "spark-golden--deltalog-state-reconstruction-from-checkpoint-missing-metadata": "LOG_CORRUPT",
  "spark-golden--deltalog-state-reconstruction-from-checkpoint-missing-protocol": "LOG_CORRUPT",
  "spark-golden--deltalog-state-reconstruction-without-protocol": "LOG_CORRUPT",
  "deletion-vector-bad-bytes": "DELETION_VECTOR_CORRUPT",
  "deletion-vector-bad-cardinality": "DELETION_VECTOR_CORRUPT",
  "deletion-vector-bad-checksum": "DELETION_VECTOR_CORRUPT",
  "unknown-reader-feature": "UNSUPPORTED_FEATURE",
};
