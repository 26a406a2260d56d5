"""Agents of the OpenAI Agents SDK, one with a tool and one that hands over, and one line of JSON with their answers.

Key, base URL, proxy and certificates come
from the environment alone. Tracing is on, as it is by default.
"""

import asyncio
import json

from agents import Agent, Runner, function_tool
from agents.tracing import get_trace_provider

MODEL = "gpt-4o-mini"


@function_tool
def get_weather(city: str) -> str:
    """Return the current weather in a city."""
    return f"Sunny in {city}."


EXPERT = Agent(name="Weather expert", instructions="Answer briefly.", model=MODEL, tools=[get_weather])
FRONT_DESK = Agent(name="Front desk", instructions="Hand over.", model=MODEL, handoffs=[EXPERT])


async def answered_by(agent: Agent) -> dict[str, object]:
    result = await Runner.run(agent, "What is the weather in Zürich?")
    items = [item.type for item in result.new_items]
    return {"agent": result.last_agent.name, "text": result.final_output, "items": items}


async def main() -> None:
    print(json.dumps([await answered_by(agent) for agent in (EXPERT, FRONT_DESK)]))
    get_trace_provider().shutdown()


asyncio.run(main())
