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
    // What nearly every part needs and which loads no package is one file: else each small source that two parts
    // share would be a file of its own.
    codeSplitting: {
      groups: [
        {
          name: "base",
          test: /[\\/]src[\\/](?:errors\.ts|sql[\\/]|util[\\/](?!json\.|world\.|backoff\.|temporary-folder\.))/,
        },
      ],
    },
  },
});
