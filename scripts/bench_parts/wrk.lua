-- One POST again and again. Arguments: the file of its body, and "keep-alive" or "close".
function init(arguments)
  local file = assert(io.open(arguments[1], "rb"))
  wrk.method = "POST"
  wrk.body = file:read("*a")
  file:close()
  wrk.headers["Content-Type"] = "application/json"
  wrk.headers["Connection"] = arguments[2]
end

function done(summary, latency)
  local errors = summary.errors
  print(string.format(
    '{"requests": %d, "duration_us": %d, "p50_us": %f, "p99_us": %f, "errors": %d, "read_errors": %d}',
    summary.requests, summary.duration, latency:percentile(50), latency:percentile(99),
    errors.connect + errors.write + errors.status + errors.timeout, errors.read
  ))
end
