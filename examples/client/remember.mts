// A client in a few lines: stores what was learned, and asks for it in other words.
import { Client } from "@modelcontextprotocol/sdk/client/index.js";
import { StreamableHTTPClientTransport } from "@modelcontextprotocol/sdk/client/streamableHttp.js";

type Result = { score: number; content: string };
const { SEGUE_URL = "http://127.0.0.1:8377/mcp", SEGUE_TOKEN } = process.env;
const headers: Record<string, string> = SEGUE_TOKEN ? { Authorization: `Bearer ${SEGUE_TOKEN}` } : {};

const segue = new Client({ name: "remember", version: "1.0.0" });
await segue.connect(new StreamableHTTPClientTransport(new URL(SEGUE_URL), { requestInit: { headers } }));

const call = async (name: string, given: Record<string, unknown>) => {
  const answer = await segue.callTool({ name, arguments: given });
  if (answer.isError) throw new Error(JSON.stringify(answer.content));
  return answer.structuredContent as { results?: Result[] };
};

await call("store_reflection", {
  content: "We use Postgres, not MySQL: the team knows it.",
  project: "shop",
  tags: ["decision"],
});
const found = await call("reflect_on_past", { query: "which database did we choose?", project: "shop" });
for (const { score, content } of found.results ?? []) console.log(`${score.toFixed(2)}  ${content}`);
await segue.close();
