import { readdirSync } from "node:fs";
import { join, matchesGlob } from "node:path";
import { expect, it } from "vitest";
import { mutationGroups } from "./groups.ts";
import { root } from "./run-stryker.ts";

it.each(mutationGroups)(
  "the group $name has sources and tests by each of its globs: one that matches nothing would mutate nothing",
  (group) => {
    const files = ["src", "test"].flatMap((folder) =>
      readdirSync(join(root, folder), { recursive: true, encoding: "utf8" }).map(
        (path) => `${folder}/${path}`,
      ),
    );
    const matchesNone = (glob: string): boolean => !files.some((file) => matchesGlob(file, glob));
    expect([...group.sources, ...group.tests].filter(matchesNone)).toEqual([]);
  },
);
