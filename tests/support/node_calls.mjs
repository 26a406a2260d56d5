// Calls of openai-node, given as JSON: [[path to the method, its arguments …], …], and the test id that they are made
// with, and the options of its client; prints what each of them gives.
//
// A stream gives what arrived of it and, if it broke, the error that ended it. {"name", "text"} under "file" is a file.
// The option `atOnce` says how many calls are made at a time, 1 without, and prints how many ms each took.
// `abortAfterMs` of a call's options becomes its `signal`.

import OpenAI, { toFile } from "openai";

const [, , calls, testId, options] = process.argv;
const { headers, atOnce, ...clientOptions } = JSON.parse(options);
const client = new OpenAI({
  maxRetries: 0,
  defaultHeaders: { "X-Test-Id": testId, ...headers },
  ...clientOptions,
});

async function argumentOf({ file, ...members }) {
  return file ? { ...members, file: await toFile(Buffer.from(file.text), file.name) } : members;
}

function methodAt(path) {
  const owner = path.slice(0, -1).reduce((part, name) => part[name], client);
  return owner[path.at(-1)].bind(owner);
}

function describe(error) {
  return { class: error.constructor.name, status: error.status ?? null, message: error.message };
}

async function drained(stream) {
  const items = [];
  try {
    for await (const item of stream) items.push(item);
  } catch (error) {
    return { items, error: describe(error) };
  }
  return { items };
}

function withSignal({ abortAfterMs, ...options }) {
  return abortAfterMs ? { ...options, signal: AbortSignal.timeout(abortAfterMs) } : options;
}

async function made([path, argument, ...others]) {
  try {
    const first = typeof argument === "string" ? argument : await argumentOf(argument);
    const answer = await methodAt(path)(first, ...others.map(withSignal));
    if (answer instanceof Response) return { bytes: Buffer.from(await answer.arrayBuffer()).toString("base64") };
    if (answer[Symbol.asyncIterator]) return await drained(answer);
    return { value: answer };
  } catch (error) {
    return { error: describe(error) };
  }
}

async function timed(call) {
  const start = performance.now();
  return { ...(await made(call)), ms: performance.now() - start };
}

async function sideBySide(some, width, make) {
  const answers = [];
  let next = 0;
  async function work() {
    while (next < some.length) {
      const place = next++;
      answers[place] = await make(some[place]);
    }
  }
  await Promise.all(Array.from({ length: width }, work));
  return answers;
}

const answers = await sideBySide(JSON.parse(calls), atOnce ?? 1, atOnce ? timed : made);
console.log(JSON.stringify(answers));
