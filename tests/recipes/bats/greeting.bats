# The test id: each test has its own recordings.
ask() {
    curl -sS --fail-with-body https://api.openai.com/v1/chat/completions \
        -H "Authorization: Bearer $OPENAI_API_KEY" -H "X-Test-Id: $BATS_TEST_NAME" \
        -H "Content-Type: application/json" \
        -d '{"model": "gpt-4o-mini", "messages": [{"role": "user", "content": "'"$1"'"}]}'
}

@test "greets" {
    ask "Say hello" | grep -q Hello
}
