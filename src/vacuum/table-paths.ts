import type { LogSnapshot } from "../log/contract.ts";
import { propertyOf } from "../protocol/properties.ts";
import { physicalName } from "../schema/column-mapping.ts";
import { hiveFolder } from "../schema/paths.ts";

/** The folder with a hidden name that holds files of a table. PROTOCOL.md "Change Data Files". */
const changeFolder = "_change_data/";
const logMarker = "/_delta_log/";

/** Tells paths that may be a table's data files, deletion vectors or change files from those of others. */
export interface TablePaths {
  /**
   * Whether every name of a path is one that a data file or its folder may have: a name that begins with a dot or an
   * underscore is hidden, except that of a partition and of the folder of change files.
   */
  isVisible(path: string): boolean;
  /** The folder of another table below this one, if the path is in that table's log. */
  nestedTable(path: string): string | undefined;
}

/** The paths of one version's table. Spark hides the same names. */
export function tablePaths({ metadata, schema }: Pick<LogSnapshot, "metadata" | "schema">): TablePaths {
  const mode = propertyOf(metadata.configuration, "columnMapping.mode");
  const prefixes = metadata.partitionColumns.flatMap((column) => {
    const field = schema.fields.find(({ name }) => name === column);
    const names = field === undefined ? [column] : [column, physicalName(field, mode)];
    return names.map((name) => hiveFolder([[name, "v"]]).slice(0, -1));
  });
  const hiddenPrefixes = prefixes.filter((prefix) => isHiddenName(prefix));
  const isVisible = (path: string): boolean => {
    const own = path.startsWith(changeFolder) ? path.slice(changeFolder.length) : path;
    if (!/(?:^|\/)[._]/.test(own)) return true;
    return own
      .split("/")
      .every((name) => !isHiddenName(name) || hiddenPrefixes.some((prefix) => name.startsWith(prefix)));
  };
  return {
    isVisible,
    nestedTable: (path) => {
      const index = path.indexOf(logMarker);
      return index > 0 && isVisible(path.slice(0, index)) ? path.slice(0, index + 1) : undefined;
    },
  };
}

function isHiddenName(name: string): boolean {
  return name.startsWith(".") || name.startsWith("_");
}
