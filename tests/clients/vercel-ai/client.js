// One request to the OpenAI API with the Vercel AI SDK, and one line of JSON saying what came back.
//
// The only argument is the case; key, base URL, proxy and certificates come from the environment alone.

import { openai } from "@ai-sdk/openai";
import { APICallError, embedMany, generateText, jsonSchema, streamText, tool } from "ai";

const QUESTION = "Grüße aus Zürich! Was heißt „東京“ auf Deutsch? 🗼";
const WEATHER_QUESTION = "Wie ist das Wetter in Zürich?";
// Without `execute` the SDK hands the call back instead of answering it.
const GET_WEATHER = tool({
  description: "The current weather in a city",
  inputSchema: jsonSchema({
    type: "object",
    properties: { city: { type: "string", description: "e.g. Zürich" } },
    required: ["city"],
    additionalProperties: false,
  }),
});

const conversation = (question) => ({
  model: openai.chat("gpt-4o-mini"),
  instructions: "Antworte knapp: höchstens ein Satz.",
  prompt: question,
  temperature: 1.0,
});

const questionOnly = (model, question) => ({ model: openai.chat(model), prompt: question });

const conversationWithTool = {
  ...conversation(WEATHER_QUESTION),
  tools: { get_weather: GET_WEATHER },
  toolChoice: "auto",
};

const responseRequest = { model: openai.responses("gpt-4o-mini"), prompt: QUESTION, temperature: 1.0 };

function tokenUsage(usage) {
  return {
    prompt_tokens: usage.inputTokens,
    completion_tokens: usage.outputTokens,
    total_tokens: usage.totalTokens,
  };
}

async function fromResult({ text, finishReason, rawFinishReason, toolCalls, usage }) {
  return {
    text: (await text) || null,
    // The SDK has its own names for the reasons (`tool-calls`); the raw one is what the API said.
    finish_reason: (await rawFinishReason) ?? (await finishReason),
    tool_calls: (await toolCalls).map(({ toolName, input }) => ({
      name: toolName,
      arguments: JSON.stringify(input),
    })),
    usage: tokenUsage(await usage),
  };
}

async function generate(request) {
  return fromResult(await generateText(request));
}

async function stream(request) {
  // An error of a stream arrives as a part of it; by default the SDK logs it to the console as well.
  const result = streamText({ ...request, includeRawChunks: true, onError: () => {} });
  let chunks = 0;
  for await (const part of result.fullStream) {
    if (part.type === "raw") chunks += 1;
    if (part.type === "error") throw part.error;
  }
  return { ...(await fromResult(result)), chunks };
}

async function embeddings() {
  const answer = await embedMany({
    model: openai.embedding("text-embedding-3-small"),
    values: ["Zürich", "東京"],
  });
  return {
    // The SDK counts the tokens of an embedding as one number.
    usage: { prompt_tokens: answer.usage.tokens, completion_tokens: 0, total_tokens: answer.usage.tokens },
    embeddings: answer.embeddings.map((vector) => ({ dimensions: vector.length, first: vector[0] })),
  };
}

const CASES = {
  chat: () => generate(conversation(QUESTION)),
  stream: () => stream(conversation(QUESTION)),
  tools: () => generate(conversationWithTool),
  "tools-stream": () => stream(conversationWithTool),
  miss: () => generate(questionOnly("gpt-4o-mini", "never recorded")),
  error: () => generate(questionOnly("no-such-model", "Hallo")),
  embeddings,
  responses: () => generate(responseRequest),
  "responses-stream": () => stream(responseRequest),
};

function describe(error) {
  return {
    class: error.name,
    status: error.statusCode ?? null,
    message: error.message,
    code: error.data?.error?.code ?? null,
  };
}

async function receive(ask) {
  try {
    return await ask();
  } catch (error) {
    if (!APICallError.isInstance(error)) throw error;
    return { error: describe(error) };
  }
}

const name = process.argv[2];
if (!(name in CASES)) throw new Error(`expected a case out of ${Object.keys(CASES)}, got ${name}`);
const nothing = {
  text: null,
  finish_reason: null,
  tool_calls: [],
  usage: null,
  chunks: 0,
  embeddings: [],
  error: null,
};
console.log(JSON.stringify({ client: "vercel-ai", case: name, ...nothing, ...(await receive(CASES[name])) }));
