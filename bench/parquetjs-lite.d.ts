/** What the benchmark and the tests use of a package that ships no types. */
declare module "parquetjs-lite" {
  interface Writer {
    appendRow(row: Readonly<Record<string, unknown>>): Promise<void>;
    close(): Promise<void>;
  }
  interface Reader {
    getCursor(columns?: readonly string[]): { next(): Promise<Readonly<Record<string, unknown>> | null> };
    getRowCount(): number;
    close(): Promise<void>;
  }
  const parquetjs: {
    readonly ParquetSchema: new (
      fields: Readonly<Record<string, { readonly type: string; readonly optional?: boolean }>>,
    ) => object;
    readonly ParquetReader: { openFile(file: string): Promise<Reader> };
    readonly ParquetWriter: { openFile(schema: object, file: string): Promise<Writer> };
  };
  export default parquetjs;
}
