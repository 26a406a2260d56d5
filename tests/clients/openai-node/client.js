// One request to the OpenAI API with openai-node, and one line of JSON saying what came back.
//
// The only argument is the case; key, base URL, proxy and certificates come from the environment alone.

import OpenAI, { APIError } from "openai";

const MODEL = "gpt-4o-mini";
const QUESTION = "Grüße aus Zürich! Was heißt „東京“ auf Deutsch? 🗼";
const WEATHER_QUESTION = "Wie ist das Wetter in Zürich?";
const GET_WEATHER = {
  type: "function",
  function: {
    name: "get_weather",
    description: "The current weather in a city",
    parameters: {
      type: "object",
      properties: { city: { type: "string", description: "e.g. Zürich" } },
      required: ["city"],
      additionalProperties: false,
    },
  },
};

const conversation = (question) => ({
  model: MODEL,
  messages: [
    { role: "system", content: "Antworte knapp: höchstens ein Satz." },
    { role: "user", content: question },
  ],
  temperature: 1.0,
});

const questionOnly = (model, question) => ({ model, messages: [{ role: "user", content: question }] });

const conversationWithTool = { ...conversation(WEATHER_QUESTION), tools: [GET_WEATHER], tool_choice: "auto" };

const responseRequest = { model: MODEL, input: QUESTION, temperature: 1.0 };

function tokenUsage(usage) {
  if (!usage) return null;
  return {
    prompt_tokens: usage.prompt_tokens ?? usage.input_tokens,
    completion_tokens: usage.completion_tokens ?? usage.output_tokens ?? 0,
    total_tokens: usage.total_tokens,
  };
}

async function chat(client, request) {
  const completion = await client.chat.completions.create(request);
  const { message, finish_reason } = completion.choices[0];
  return {
    text: message.content,
    finish_reason,
    tool_calls: (message.tool_calls ?? []).map(({ function: { name, arguments: args } }) => ({
      name,
      arguments: args,
    })),
    usage: tokenUsage(completion.usage),
  };
}

async function stream(client, request) {
  const received = { text: null, finish_reason: null, tool_calls: [], usage: null, chunks: 0 };
  const chunks = await client.chat.completions.create({
    ...request,
    stream: true,
    stream_options: { include_usage: true },
  });
  for await (const chunk of chunks) {
    received.chunks += 1;
    received.usage = tokenUsage(chunk.usage) ?? received.usage;
    for (const { delta, finish_reason } of chunk.choices) addDelta(received, delta, finish_reason);
  }
  return received;
}

function addDelta(received, delta, finishReason) {
  received.finish_reason = finishReason ?? received.finish_reason;
  if (delta.content != null) received.text = (received.text ?? "") + delta.content;
  for (const piece of delta.tool_calls ?? []) {
    const call = (received.tool_calls[piece.index] ??= { name: "", arguments: "" });
    call.name += piece.function?.name ?? "";
    call.arguments += piece.function?.arguments ?? "";
  }
}

async function embeddings(client) {
  const answer = await client.embeddings.create({
    model: "text-embedding-3-small",
    input: ["Zürich", "東京"],
    encoding_format: "float",
  });
  return {
    usage: tokenUsage(answer.usage),
    embeddings: answer.data.map(({ embedding }) => ({ dimensions: embedding.length, first: embedding[0] })),
  };
}

const fromResponse = (response) => ({
  text: response.output_text,
  finish_reason: response.status,
  usage: tokenUsage(response.usage),
});

async function responses(client) {
  return fromResponse(await client.responses.create(responseRequest));
}

async function responsesStream(client) {
  let received = {};
  let text = "";
  let chunks = 0;
  for await (const event of await client.responses.create({ ...responseRequest, stream: true })) {
    chunks += 1;
    if (event.type === "response.output_text.delta") text += event.delta;
    if (event.type === "response.completed") received = fromResponse(event.response);
  }
  return { ...received, text, chunks };
}

const CASES = {
  chat: (client) => chat(client, conversation(QUESTION)),
  stream: (client) => stream(client, conversation(QUESTION)),
  tools: (client) => chat(client, conversationWithTool),
  "tools-stream": (client) => stream(client, conversationWithTool),
  miss: (client) => chat(client, questionOnly(MODEL, "never recorded")),
  error: (client) => chat(client, questionOnly("no-such-model", "Hallo")),
  embeddings,
  responses,
  "responses-stream": responsesStream,
};

function describe(error) {
  return {
    class: error.constructor.name,
    status: error.status ?? null,
    message: error.error?.message ?? error.message,
    code: error.code ?? null,
  };
}

async function receive(ask) {
  try {
    return await ask(new OpenAI());
  } catch (error) {
    if (!(error instanceof APIError)) throw error;
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
console.log(JSON.stringify({ client: "openai-node", case: name, ...nothing, ...(await receive(CASES[name])) }));
