import type * as NodeApi from "@duckdb/node-api";

/** Begins a field's name that the driver would lose or put elsewhere among an object's properties. */
const mark = "varve:";

/**
 * A type with the names of its fields marked, where the driver, which makes an object of each struct by
 * assignment, would not give them as they are: `__proto__`, and whole numbers, which an object has first.
 * Other types are returned as they are.
 */
export function markedType(api: typeof NodeApi, type: NodeApi.DuckDBType): NodeApi.DuckDBType {
  const inner = (own: NodeApi.DuckDBType) => markedType(api, own);
  if (type instanceof api.DuckDBStructType) {
    const types = type.entryTypes.map(inner);
    const names = type.entryNames.some(isSpecial)
      ? type.entryNames.map((name) => mark + name)
      : type.entryNames;
    const isSame = names === type.entryNames && types.every((own, index) => own === type.entryTypes[index]);
    return isSame ? type : new api.DuckDBStructType(names, types);
  }
  if (type instanceof api.DuckDBListType) {
    const element = inner(type.valueType);
    return element === type.valueType ? type : new api.DuckDBListType(element);
  }
  if (type instanceof api.DuckDBArrayType) {
    const element = inner(type.valueType);
    return element === type.valueType ? type : new api.DuckDBArrayType(element, type.length);
  }
  if (type instanceof api.DuckDBMapType) {
    const [key, value] = [inner(type.keyType), inner(type.valueType)];
    return key === type.keyType && value === type.valueType ? type : new api.DuckDBMapType(key, value);
  }
  return type;
}

/** A field's name as it is, of a type that may be marked. */
export function unmarkedName(name: string): string {
  return name.startsWith(mark) ? name.slice(mark.length) : name;
}

function isSpecial(name: string): boolean {
  // a name that looks marked is marked once more
  return name === "__proto__" || /^\d+$/.test(name) || name.startsWith(mark);
}
