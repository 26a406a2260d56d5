require "json"
require "minitest/autorun"
require "net/http"

class GreetingTest < Minitest::Test
  # The test id: each test has its own recordings. openai-ruby sends it with `request_options: {extra_headers: …}`.
  def ask(prompt)
    url = URI("#{ENV.fetch("OPENAI_BASE_URL", "https://api.openai.com/v1")}/chat/completions")
    headers = { "Authorization" => "Bearer #{ENV.fetch("OPENAI_API_KEY")}", "X-Test-Id" => name }
    body = { model: "gpt-4o-mini", messages: [{ role: "user", content: prompt }] }
    answer = Net::HTTP.post(url, JSON.generate(body), headers)
    JSON.parse(answer.body).dig("choices", 0, "message", "content")
  end

  def test_greets
    assert_includes ask("Say hello"), "Hello"
  end
end
