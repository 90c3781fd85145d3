"""What the tests ask of the deltalake package: whole tables at a version, appends, and the verbs that it has."""

import json

import pyarrow
from deltalake import CommitProperties, DeltaTable, Transaction, write_deltalake
from deltalake.exceptions import CommitFailedError
from encoding import encode_arrow_rows


class DeltalakePeer:
    def versions(self):
        import deltalake

        return {"deltalake": deltalake.__version__}

    def read(self, path, version=None, timestamp=None, storage=None):
        """`storage`: options of the object store, for tables that are not on local disk."""
        table = DeltaTable(path, version=version, storage_options=storage)
        if timestamp is not None:
            table.load_as_version(timestamp)
        return self._rows(table)

    def count(self, path, version):
        """How many rows a version has, without handing them over."""
        return sum(batch.num_rows for batch in pyarrow.RecordBatchReader.from_stream(DeltaTable(path, version=version).scan()))

    def where(self, path, condition):
        """Rows that match: deltalake skips files by the statistics that the table's writer stored."""
        return self._encode(pyarrow.table(DeltaTable(path).scan(predicate=condition)))

    def changes(self, path, start, end):
        reader = DeltaTable(path).load_cdf(starting_version=start, ending_version=end)
        arrow = pyarrow.table(reader).drop_columns(["_commit_timestamp"])
        return self._encode(arrow)

    def append(self, path, rows, columns, partition_by=None, app_id=None, app_version=None, storage=None):
        """Appends rows of simple types; `columns` maps names to pyarrow type names. The table is created when it is not there."""
        schema = pyarrow.schema([(name, pyarrow.type_for_alias(kind)) for name, kind in columns])
        properties = None
        if app_id is not None:
            properties = CommitProperties(app_transactions=[Transaction(app_id, app_version)])
        write_deltalake(
            path,
            pyarrow.Table.from_pylist(rows, schema=schema),
            mode="append",
            partition_by=partition_by,
            commit_properties=properties,
            storage_options=storage,
        )
        return DeltaTable(path, storage_options=storage).version()

    def append_many(self, path, writer, batches, rows, storage=None):
        """`batches` appends of `rows` rows (writer, batch, n), each tried until it is in: for tests with several writers."""
        retries = 0
        for batch in range(batches):
            data = pyarrow.table({"writer": [writer] * rows, "batch": pyarrow.array([batch] * rows, pyarrow.int32()), "n": pyarrow.array(range(rows), pyarrow.int64())})
            while True:
                try:
                    write_deltalake(path, data, mode="append", storage_options=storage)
                    break
                except CommitFailedError:
                    retries += 1
        return {"retries": retries}

    def update(self, path, updates, predicate=None):
        return DeltaTable(path).update(updates=updates, predicate=predicate)

    def delete(self, path, predicate=None, storage=None):
        return DeltaTable(path, storage_options=storage).delete(predicate)

    def merge(self, path, rows, columns, predicate):
        schema = pyarrow.schema([(name, pyarrow.type_for_alias(kind)) for name, kind in columns])
        source = pyarrow.Table.from_pylist(rows, schema=schema)
        merger = DeltaTable(path).merge(source, predicate=predicate, source_alias="s", target_alias="t")
        return merger.when_matched_update_all().when_not_matched_insert_all().execute()

    def optimize(self, path):
        result = DeltaTable(path).optimize.compact()
        return {"filesAdded": result["numFilesAdded"], "filesRemoved": result["numFilesRemoved"]}

    def zorder(self, path, columns):
        DeltaTable(path).optimize.z_order(columns)
        return None

    def vacuum(self, path, dry_run=False, full=False):
        return DeltaTable(path).vacuum(retention_hours=0, dry_run=dry_run, enforce_retention_duration=False, full=full)

    def checkpoint(self, path):
        DeltaTable(path).create_checkpoint()
        return None

    def history(self, path):
        return [{"version": entry.get("version"), "operation": entry.get("operation")} for entry in DeltaTable(path).history()]

    def detail(self, path):
        table = DeltaTable(path)
        protocol = table.protocol()
        return {
            "version": table.version(),
            "numFiles": len(table.file_uris()),
            "partitionColumns": table.metadata().partition_columns,
            "properties": table.metadata().configuration,
            "features": sorted(set((protocol.reader_features or []) + (protocol.writer_features or []))),
            "schema": json.loads(table.schema().to_json()),
        }

    def app_transaction(self, path, app_id):
        return DeltaTable(path).transaction_version(app_id)

    def _rows(self, table):
        return self._encode(pyarrow.table(table.scan()))

    def _encode(self, arrow):
        return {"columns": arrow.column_names, "rows": encode_arrow_rows(arrow)}
