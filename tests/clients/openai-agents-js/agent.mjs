// Agents of the OpenAI Agents SDK, one with a tool and one that hands over, and one line of JSON with their answers.
//
// Key, base URL, proxy and certificates come from the environment alone. Tracing is on, as it is by default.

import { Agent, getGlobalTraceProvider, run, tool } from "@openai/agents";
import { z } from "zod";

const model = "gpt-4o-mini";

const getWeather = tool({
  name: "get_weather",
  description: "The current weather in a city",
  parameters: z.object({ city: z.string() }),
  execute: async ({ city }) => `Sunny in ${city}.`,
});

const expert = new Agent({ name: "Weather expert", instructions: "Answer briefly.", model, tools: [getWeather] });
const frontDesk = new Agent({ name: "Front desk", instructions: "Hand over.", model, handoffs: [expert] });

async function answeredBy(agent) {
  const result = await run(agent, "What is the weather in Zürich?");
  return { agent: result.lastAgent?.name, text: result.finalOutput, items: result.newItems.map((item) => item.type) };
}

console.log(JSON.stringify([await answeredBy(expert), await answeredBy(frontDesk)]));
await getGlobalTraceProvider().forceFlush();
