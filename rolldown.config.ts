import { builtinModules } from "node:module";
import { defineConfig } from "rolldown";
import manifest from "./package.json" with { type: "json" };

const dependencies = Object.keys(manifest.dependencies).map((name) => new RegExp(`^${name}(/|$)`));

/**
 * What is shipped: one file for each entry point, and one for each part that is loaded when it is needed, instead
 * of a file for each source.
 *
 * Dependencies stay outside, so that they are installed once and updated without varve. There are no source maps:
 * the sources are not shipped, and the bundle keeps names, lines and comments.
 */
export default defineConfig({
  input: {
    index: "src/index.ts",
    suite: "src/suite.ts",
    store: "src/store.ts",
    report: "src/report.ts",
    "cli/main": "src/cli/main.ts",
  },
  platform: "node",
  external: [...dependencies, ...builtinModules, /^node:/],
  transform: { target: "node20.20" },
  output: {
    dir: "dist",
    format: "esm",
    entryFileNames: "[name].js",
    chunkFileNames: "chunks/[name]-[hash].js",
    cleanDir: true,
    // A file costs the loader of modules more than its text does: what many parts need is one file, and not a file for
    // each set of parts that share it. Those that load a package, and those that help and versions need, stay apart.
    codeSplitting: {
      groups: [
        {
          name: "base",
          test: /usingCtx|[\\/]src[\\/](?:errors\.ts|sql[\\/]|util[\\/](?!json\.|world\.|backoff\.|temporary-folder\.))/,
        },
        { name: "json", test: /[\\/]src[\\/]util[\\/]json\./ },
        { name: "world", test: /[\\/]src[\\/]util[\\/](?:world|backoff|temporary-folder)\./ },
        {
          name: "names",
          test: /[\\/]src[\\/](?:sources[\\/]address|storage[\\/]local[\\/]nearest-table|pins[\\/]reading[\\/]pin-name|api[\\/]shared[\\/]table-uri|report[\\/](?:visible-text|shell-word))\./,
        },
        { name: "storage", test: /[\\/]src[\\/]storage[\\/](?:contract|local|memory|open-store)/ },
        {
          name: "types",
          test: /[\\/]src[\\/](?:dialects[\\/]engine-types|protocol[\\/]domains|schema[\\/](?:paths|type-names))\./,
        },
        {
          name: "table",
          test: /[\\/]src[\\/](?!util|cli|engine[\\/](?:output|stage[\\/](?:arrow|ipc)))/,
          minShareCount: 65,
        },
      ],
    },
  },
});
