-- Posts the lines of a file in turn, and writes what wrk measured as one line of JSON.
-- wrk ... -s wrk.lua URL -- FILE

local requests = {}
local sent = 0

wrk.method = "POST"
wrk.headers["Content-Type"] = "application/json"

function init(arguments)
  for line in io.lines(arguments[1]) do
    requests[#requests + 1] = wrk.format(nil, nil, nil, line)
  end
end

function request()
  sent = sent + 1
  return requests[(sent - 1) % #requests + 1]
end

function done(summary, latency, _)
  local errors = summary.errors
  io.write(string.format(
    '\nmeasured {"requests": %d, "duration_us": %d, "p50_us": %f, "p99_us": %f, "max_us": %f, '
      .. '"connect": %d, "read": %d, "write": %d, "timeout": %d, "status": %d}\n',
    summary.requests, summary.duration, latency:percentile(50), latency:percentile(99), latency.max,
    errors.connect, errors.read, errors.write, errors.timeout, errors.status
  ))
end
