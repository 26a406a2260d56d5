from openai import OpenAI


def test_greeting(openai_replay):
    answer = OpenAI().chat.completions.create(
        model="gpt-4o-mini", messages=[{"role": "user", "content": "Say hello"}]
    )
    assert "Hello" in answer.choices[0].message.content
