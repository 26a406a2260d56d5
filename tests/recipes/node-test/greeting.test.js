import assert from "node:assert/strict";
import test from "node:test";
import OpenAI from "openai";

// The test id: each test has its own recordings.
const client = (t) => new OpenAI({ defaultHeaders: { "X-Test-Id": encodeURIComponent(t.name) } });

test("greets politely", async (t) => {
  const answer = await client(t).chat.completions.create({
    model: "gpt-4o-mini",
    messages: [{ role: "user", content: "Say hello" }],
  });
  assert.match(answer.choices[0].message.content, /Hello/);
});
