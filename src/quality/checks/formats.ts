import { joinSql, type SqlExpression, sql } from "../../sql/sql.ts";
import type { Dialect } from "../model/dialect.ts";

const email =
  "^[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]+@[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?(\\.[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?)*\\.[A-Za-z]{2,63}$";
// names of hosts may have symbols and underscores beside letters and digits of any script
const url =
  "^(https?|ftp)://([^\\s/?#@]+@)?(localhost|\\[[0-9A-Fa-f:.]+\\]|[\\p{L}\\p{N}\\p{So}_]([\\p{L}\\p{N}\\p{M}\\p{So}_.-]*[\\p{L}\\p{N}\\p{M}\\p{So}_])?)(:[0-9]{1,5})?([/?#][^\\s]*)?$";
const octet = "(25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])";

/** Numbers of Visa, Mastercard (51 to 55, 2221 to 2720), American Express and Discover. */
const issuers = [
  "4[0-9]{12}([0-9]{3}){0,2}",
  "(5[1-5]|222[1-9]|22[3-9][0-9]|2[3-6][0-9]{2}|27[01][0-9]|2720)[0-9]*",
  "3[47][0-9]{13}",
  "6(011|4[4-9][0-9]|5[0-9]{2})[0-9]{12}",
].join("|");

/** Named formats of texts, each a condition on the whole text. */
export const formats: Readonly<Record<string, (value: SqlExpression, dialect: Dialect) => SqlExpression>> = {
  email: (value, dialect) => dialect.matches(value, email),
  url: (value, dialect) => dialect.matches(value, url),
  uuid: (value, dialect) => dialect.matches(value, "^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$"),
  ipv4: (value, dialect) => dialect.matches(value, `^${octet}(\\.${octet}){3}$`),
  date: (value, dialect) =>
    sql`(${dialect.matches(value, "^[0-9]{4}-[0-9]{2}-[0-9]{2}$")} AND ${dialect.canCast(value, "DATE")})`,
  integer: (value, dialect) => dialect.matches(value, "^[+-]?[0-9]+$"),
  number: (value, dialect) =>
    dialect.matches(value, "^[+-]?([0-9]+(\\.[0-9]*)?|\\.[0-9]+)([eE][+-]?[0-9]+)?$"),
  credit_card: creditCard,
  ssn_us: (value, dialect) =>
    sql`(${dialect.matches(value, "^[0-8][0-9]{2}-?[0-9]{2}-?[0-9]{4}$")} AND NOT ${dialect.matches(value, "^(000|666)|^[0-9]{3}-?00|0000$")})`,
};

/** The longest number of a card. */
const mostDigits = 19;

/**
 * A card number: digits with single spaces or dashes between them, of an issuer's first digits and length,
 * whose last digit is the check digit by Luhn's rule.
 */
function creditCard(value: SqlExpression, dialect: Dialect): SqlExpression {
  const digits = sql`replace(replace(${value}, ' ', ''), '-', '')`;
  // from the right, the digits at even places count double, less nine above nine
  const padded = sql`lpad(${digits}, ${mostDigits + 1}, '0')`;
  const weighted = Array.from({ length: mostDigits + 1 }, (_, index) => {
    const digit = sql`substr(${padded}, ${index + 1}, 1)`;
    return index % 2 === 0
      ? sql`CAST(translate(${digit}, '0123456789', '0246813579') AS INTEGER)`
      : sql`CAST(${digit} AS INTEGER)`;
  });
  const isWritten = dialect.matches(value, "^[0-9]+([ -][0-9]+)*$");
  const isIssued = sql`(${dialect.matches(digits, `^(${issuers})$`)} AND (${dialect.length(digits, "string")} = 16 OR NOT ${dialect.matches(digits, "^[25]")}))`;
  return sql`(CASE WHEN ${isWritten} AND ${isIssued} THEN (${joinSql(weighted, sql` + `)}) % 10 = 0 ELSE false END)`;
}
