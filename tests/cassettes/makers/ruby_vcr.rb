# Records with Ruby's VCR what a Ruby program sends: `ruby ruby_vcr.rb FOLDER`. Needs vcr and webmock.
require "json"
require "net/http"
require "openssl"
require "vcr"
require "webmock"

VCR.configure do |config|
  config.cassette_library_dir = ARGV[0]
  config.hook_into :webmock
  config.allow_http_connections_when_no_cassette = true
  config.filter_sensitive_data("<OPENAI_KEY>") { "sk-test-0123456789abcdef0123456789abcdef" }
end

def post(path, body, headers = {})
  uri = URI("https://api.openai.com/v1#{path}")
  http = Net::HTTP.new(uri.host, uri.port)
  http.use_ssl = true
  request = Net::HTTP::Post.new(uri, { "Content-Type" => "application/json" }.merge(headers))
  request["Authorization"] = "Bearer sk-test-0123456789abcdef0123456789abcdef"
  request.body = body.is_a?(String) ? body : JSON.generate(body)
  http.request(request)
end

def chat(text, more = {})
  { model: "gpt-4o", messages: [{ role: "user", content: text }] }.merge(more)
end

VCR.use_cassette("plain", record: :all) do
  post("/chat/completions", chat("Hello from Ruby, naïve and 日本語."))
  post("/chat/completions", chat("Stream it.", stream: true))
  post("/responses", { model: "gpt-4o", input: "A response.", stream: true })
  post("/chat/completions", chat("No.").merge(model: "does-not-exist"))
  form = "--ruby-form\r\nContent-Disposition: form-data; name=\"purpose\"\r\n\r\nuser_data\r\n" \
         "--ruby-form\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a.bin\"\r\n" \
         "Content-Type: application/octet-stream\r\n\r\n\x00\xFF\x01\r\n--ruby-form--\r\n".b
  post("/files", form, "Content-Type" => "multipart/form-data; boundary=ruby-form")
end

VCR.use_cassette("binary", record: :all, preserve_exact_body_bytes: true) do
  post("/audio/speech", { model: "tts-1", voice: "alloy", input: "Say it.", response_format: "wav" })
  post("/chat/completions", chat("Compressed [scenario: gzip]"), "Accept-Encoding" => "gzip")
end
