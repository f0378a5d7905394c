import { readFileSync } from "node:fs";
import { isAuthentic, verify } from "./receiver.mjs";

for (const line of readFileSync(0, "utf8").trimEnd().split("\n")) {
  const [key, now, encoded, ...fields] = line.split("\t");
  const decoded = (field) => Buffer.from(field, "base64");
  const headers = {};
  for (let i = 0; i < fields.length; i += 2) headers[fields[i]] = decoded(fields[i + 1]).toString();
  const secret = decoded(key).toString(), body = decoded(encoded);
  const answer = now === "now" ? isAuthentic(headers, body) : verify(secret, headers, body, now);
  console.log(Number(answer));
}
