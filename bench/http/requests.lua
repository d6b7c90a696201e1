-- For wrk: the requests that the file named first after -- lists, in turn; its first line is the method, the second the
-- body (may be empty), then one path a line. Prints one line of JSON at the end.
local paths = {}
local next_path = 0

function init(arguments)
   local lines = io.lines(arguments[1])
   wrk.method = lines()
   local body = lines()
   wrk.headers["Authorization"] = "Bearer " .. os.getenv("TOKEN")
   wrk.headers["X-Tenant-ID"] = os.getenv("TENANT")
   if body ~= "" then
      wrk.body = body
      wrk.headers["Content-Type"] = "application/json"
   end
   for path in lines do
      paths[#paths + 1] = wrk.format(nil, path)
   end
end

function request()
   next_path = next_path % #paths + 1
   return paths[next_path]
end

function done(summary, latency)
   local errors = summary.errors
   io.write(string.format('{"requests":%d,"microseconds":%d,"p50":%d,"p99":%d,"refused":%d,"broken":%d}\n',
                          summary.requests, summary.duration, latency:percentile(50), latency:percentile(99),
                          errors.status, errors.connect + errors.read + errors.write + errors.timeout))
end
