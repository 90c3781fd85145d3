/** What the benchmark uses of a package that ships no types. */
declare module "parquetjs-lite" {
  interface Writer {
    appendRow(row: Readonly<Record<string, unknown>>): Promise<void>;
    close(): Promise<void>;
  }
  const parquetjs: {
    readonly ParquetSchema: new (fields: Readonly<Record<string, { readonly type: string; readonly optional?: boolean }>>) => object;
    readonly ParquetWriter: { openFile(schema: object, file: string): Promise<Writer> };
  };
  export default parquetjs;
}
