import { generateKeyPairSync, sign } from "node:crypto";

/**
 * A certificate of 127.0.0.1 that is its own authority, and its key, both as PEM (RFC 5280). It is made anew
 * because a key that lies in a repository is taken for a secret.
 */
export function selfSigned(): { readonly cert: string; readonly key: string } {
  const { publicKey, privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
  const ecdsaWithSha256 = der(0x30, hex("06082a8648ce3d040302"));
  const name = der(0x30, der(0x31, der(0x30, hex("0603550403"), der(0x0c, Buffer.from("varve test")))));
  const times = ["20200101000000Z", "21200101000000Z"].map((time) => der(0x18, Buffer.from(time)));
  const address = der(0x30, hex("0603551d11"), der(0x04, der(0x30, der(0x87, hex("7f000001")))));
  const authority = der(0x30, hex("0603551d130101ff"), der(0x04, der(0x30, hex("0101ff"))));
  const signed = der(
    0x30,
    der(0xa0, hex("020102")),
    hex("020101"),
    ecdsaWithSha256,
    name,
    der(0x30, ...times),
    name,
    publicKey.export({ type: "spki", format: "der" }),
    der(0xa3, der(0x30, address, authority)),
  );
  const signature = sign("sha256", signed, privateKey);
  const whole = der(0x30, signed, ecdsaWithSha256, der(0x03, hex("00"), signature));
  const body = whole.toString("base64").replace(/.{64}/g, "$&\n");
  return {
    cert: `-----BEGIN CERTIFICATE-----\n${body}\n-----END CERTIFICATE-----\n`,
    key: privateKey.export({ type: "pkcs8", format: "pem" }).toString(),
  };
}

/** One value of DER: its tag, its length, its content. */
function der(tag: number, ...parts: readonly Buffer[]): Buffer {
  const content = Buffer.concat(parts);
  const { length } = content;
  const lengthBytes =
    length < 0x80 ? [length] : length < 0x100 ? [0x81, length] : [0x82, length >> 8, length & 0xff];
  return Buffer.concat([Buffer.from([tag, ...lengthBytes]), content]);
}

function hex(text: string): Buffer {
  return Buffer.from(text, "hex");
}
