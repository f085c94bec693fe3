-- Arguments after the URL: milliseconds that a connection waits before each of its requests; without, it does not wait.
function init(args)
  local think = tonumber(args[1])
  if think then
    function delay() return think end
  end
end

-- One line for figures/wrk.ts: counts, and latencies in microseconds.
function done(summary, latency, requests)
  local errors = summary.errors
  io.write(string.format(
    "report requests=%d microseconds=%d p50=%d p99=%d connect=%d read=%d write=%d timeout=%d status=%d\n",
    summary.requests, summary.duration, latency:percentile(50), latency:percentile(99),
    errors.connect, errors.read, errors.write, errors.timeout, errors.status))
end
