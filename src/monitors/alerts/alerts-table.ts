import { schema } from "../../schema/builder.ts";
import type { DriftStore } from "../stores/drift-store.ts";

/** What happened to the alerts of a table's monitors (`spec/monitors.md`). */
export const alertsStore: DriftStore = {
  folder: "alerts",
  description: "What happened to the alerts of the monitors of the table above",
  indexed: "table_id,monitor,event,sequence",
  columns: schema()
    .string("event", {
      nullable: false,
      comment:
        "transition, revoked (results that came later say otherwise), message, sending, sent, failed, mute, acknowledge or unsilenced",
    })
    .string("id", { nullable: false, comment: "UUID" })
    .string("table_id", { nullable: false })
    .string("monitor", { nullable: false })
    .timestamp("recorded_at", { nullable: false })
    .long("sequence", {
      nullable: false,
      comment: "Later records have larger ones; position orders those of one commit",
    })
    .integer("position", { nullable: false })
    .string("rule")
    .string("column", { comment: "The column, or the metric of a rule on performance" })
    .string("slice_key")
    .string("slice_value")
    .string("severity")
    .string("from_status")
    .string("to_status", { comment: "ok, pending, firing, resolved or superseded" })
    .long("version", { comment: "The version whose result changed the state" })
    .string("window")
    .long("since_version", { comment: "The first version of what the alert is about" })
    .double("effect")
    .double("threshold")
    .string("text", { comment: "The result in a sentence, or why a message could not be sent" })
    .string("refers_to", { comment: "Id of the record that is replaced, revoked, sent or taken back" })
    .string("target", { comment: "Where a message goes, without secrets" })
    .string("body", { comment: "A message as JSON" })
    .array("transitions", "string", { comment: "Ids of the transitions that a message tells of" })
    .array("targets", "string")
    .string("run_id", { comment: "The run that sends a message" })
    .timestamp("until", {
      comment: "End of a mute, or of the time for which one run has a message to itself",
    })
    .long("until_version")
    .string("slice", { comment: "Slice of a mute or an acknowledgement, such as country=DE" })
    .string("by")
    .string("reason")
    .build(),
};
