#!/bin/sh
# One request to the OpenAI API with curl, and one line of JSON saying what came back.
# The only argument is the case; key, base URL, proxy and certificates come from the environment alone.
set -eu

case=${1:?expected a case: chat, stream, tools, tools-stream, miss, error, embeddings, responses or responses-stream}
base_url=${OPENAI_BASE_URL:-https://api.openai.com/v1}

system='{"role": "system", "content": "Antworte knapp: höchstens ein Satz."}'
question='Grüße aus Zürich! Was heißt „東京“ auf Deutsch? 🗼'
conversation='"model": "gpt-4o-mini", "temperature": 1.0, "messages": ['$system', {"role": "user", "content": "'$question'"}]'
weather='"model": "gpt-4o-mini", "temperature": 1.0,
  "messages": ['$system', {"role": "user", "content": "Wie ist das Wetter in Zürich?"}],
  "tools": [{"type": "function", "function": {
    "name": "get_weather",
    "description": "The current weather in a city",
    "parameters": {"type": "object",
      "properties": {"city": {"type": "string", "description": "e.g. Zürich"}},
      "required": ["city"],
      "additionalProperties": false}}}],
  "tool_choice": "auto"'
streamed='"stream": true, "stream_options": {"include_usage": true}'

endpoint=chat/completions
case $case in
  chat) body="{$conversation}" ;;
  stream) body="{$conversation, $streamed}" ;;
  tools) body="{$weather}" ;;
  tools-stream) body="{$weather, $streamed}" ;;
  miss) body='{"model": "gpt-4o-mini", "messages": [{"role": "user", "content": "never recorded"}]}' ;;
  error) body='{"model": "no-such-model", "messages": [{"role": "user", "content": "Hallo"}]}' ;;
  embeddings)
    endpoint=embeddings
    body='{"model": "text-embedding-3-small", "input": ["Zürich", "東京"], "encoding_format": "float"}'
    ;;
  responses | responses-stream)
    endpoint=responses
    body='{"model": "gpt-4o-mini", "temperature": 1.0, "input": "'$question'"'
    [ "$case" = responses ] || body="$body, \"stream\": true"
    body="$body}"
    ;;
  *) echo "unknown case: $case" >&2 && exit 2 ;;
esac

# The last line of the output is curl's own word on the transfer: the status, its exit code, its message.
# A failed transfer (a stream that broke off, say) is a result to print as well, so it does not end the script.
{ curl --silent --show-error --no-buffer "$base_url/$endpoint" \
    --header "Authorization: Bearer ${OPENAI_API_KEY:-}" \
    --header "Content-Type: application/json" \
    --data-binary "$body" \
    --write-out '\n%{http_code} %{exitcode} %{errormsg}\n' || true; } |
  "${PYTHON:-python3}" "$(dirname "$0")/print_received.py" "$case"
