// One request to the OpenAI API with LangChain.js, and one line of JSON saying what came back.
//
// The only argument is the case; key, base URL, proxy and certificates come from the environment alone.

import { HumanMessage, SystemMessage } from "@langchain/core/messages";
import { ChatOpenAI, OpenAIEmbeddings } from "@langchain/openai";

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

const conversation = (question) => [
  new SystemMessage("Antworte knapp: höchstens ein Satz."),
  new HumanMessage(question),
];

const chatModel = () => new ChatOpenAI({ model: MODEL, temperature: 1.0 });

const withTool = () => chatModel().bindTools([GET_WEATHER], { tool_choice: "auto" });

const responsesModel = () => new ChatOpenAI({ model: MODEL, temperature: 1.0, useResponsesApi: true });

function fromMessage({ text, response_metadata: metadata, tool_calls: toolCalls, usage_metadata: usage }) {
  return {
    text: text || null,
    // The Responses API has a status where chat completions have a finish reason.
    finish_reason: metadata.finish_reason ?? metadata.status ?? null,
    tool_calls: (toolCalls ?? []).map(({ name, args }) => ({ name, arguments: JSON.stringify(args) })),
    usage: usage
      ? {
          prompt_tokens: usage.input_tokens,
          completion_tokens: usage.output_tokens,
          total_tokens: usage.total_tokens,
        }
      : null,
  };
}

async function stream(model, messages) {
  let message;
  let chunks = 0;
  for await (const chunk of await model.stream(messages)) {
    chunks += 1;
    message = message ? message.concat(chunk) : chunk;
  }
  return { ...fromMessage(message), chunks };
}

async function embeddings() {
  const model = new OpenAIEmbeddings({ model: "text-embedding-3-small", encodingFormat: "float" });
  const vectors = await model.embedDocuments(["Zürich", "東京"]);
  return { embeddings: vectors.map((vector) => ({ dimensions: vector.length, first: vector[0] })) };
}

const CASES = {
  chat: async () => fromMessage(await chatModel().invoke(conversation(QUESTION))),
  stream: () => stream(chatModel(), conversation(QUESTION)),
  tools: async () => fromMessage(await withTool().invoke(conversation(WEATHER_QUESTION))),
  "tools-stream": () => stream(withTool(), conversation(WEATHER_QUESTION)),
  miss: async () => fromMessage(await new ChatOpenAI({ model: MODEL }).invoke("never recorded")),
  error: async () => fromMessage(await new ChatOpenAI({ model: "no-such-model" }).invoke("Hallo")),
  embeddings,
  responses: async () => fromMessage(await responsesModel().invoke(QUESTION)),
  "responses-stream": () => stream(responsesModel(), QUESTION),
};

function describe(error) {
  return {
    class: error.constructor.name,
    status: error.status,
    message: error.error?.message ?? error.message,
    code: error.code ?? null,
  };
}

async function receive(ask) {
  try {
    return await ask();
  } catch (error) {
    // Whatever has a status came from the API, be it an exception of LangChain's or of openai's.
    if (error.status === undefined) throw error;
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
console.log(JSON.stringify({ client: "langchain-js", case: name, ...nothing, ...(await receive(CASES[name])) }));
