import OpenAI from "openai";
import { expect, test } from "vitest";

// The test id: each test has its own recordings. In Jest, `expect.getState().currentTestName` is the name.
const client = (task) => new OpenAI({ defaultHeaders: { "X-Test-Id": encodeURIComponent(task.name) } });

test("greets politely", async ({ task }) => {
  const answer = await client(task).chat.completions.create({
    model: "gpt-4o-mini",
    messages: [{ role: "user", content: "Say hello" }],
  });
  expect(answer.choices[0].message.content).toContain("Hello");
});
