// Calls tools through an official TypeScript SDK: a JSON array of [name, arguments] on stdin, one of answers on stdout.
// Usage: node sdk_client.mjs URL MODULE…, where the modules export Client and StreamableHTTPClientTransport.
import { text } from "node:stream/consumers";
import { pathToFileURL } from "node:url";

const [url, ...modules] = process.argv.slice(2);
const exported = await Promise.all(modules.map((each) => import(pathToFileURL(each))));
const { Client, StreamableHTTPClientTransport } = Object.assign({}, ...exported);

const client = new Client({ name: "segue-conformance", version: "0" });
await client.connect(new StreamableHTTPClientTransport(new URL(url)));
await client.listTools(); // from then on the SDK holds each result against its tool's output schema
const answers = [];
for (const [name, given] of JSON.parse(await text(process.stdin))) {
  try {
    answers.push(await client.callTool({ name, arguments: given }));
  } catch (error) {
    answers.push({ thrown: String(error) });
  }
}
console.log(JSON.stringify(answers));
await client.close();
